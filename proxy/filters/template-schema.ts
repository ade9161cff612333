// Fields that filters with a template share.

import { text } from '#proxy/primitives/fields.ts';

export const templateFields = {
  template: text('Go template; its output is YAML.', 65_536).optional(),
  leftDelim: text('Left delimiter in place of `{{`.', 16).optional(),
  rightDelim: text('Right delimiter in place of `}}`.', 16).optional(),
};
