// Fields of HeaderLookup (planned).

import { z } from 'zod';
import { list, regexpField, requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const headerLookupSchema = plannedFilter({
  kind: 'HeaderLookup',
  description: 'Sets headers from custom data that a header names.',
  results: [],
  spec: z.strictObject({
    headerKey: requiredText('Header that is looked up.'),
    etcdPrefix: requiredText('Prefix in custom data.'),
    pathRegExp: regexpField('Part of the path that is added to the key.').optional(),
    headerSetters: list(
      z.strictObject({ etcdKey: requiredText('Field of the data.'), headerKey: requiredText('Header.') }),
      64,
      'What goes where.',
    ).min(1),
  }),
});
