// A StringMatcher of a spec, ready to be asked: `exact`, `prefix` and `regex` are alternatives, `empty` stands alone.

import { compile } from '#proxy/primitives/regexp.ts';
import type { StringMatcher } from './string-matcher-schema.ts';

export type StringTest = (text: string) => boolean;

/** An absent text is asked as ``. Throws RegexpError. */
export function compileStringMatcher(matcher: StringMatcher): StringTest {
  if (matcher.empty) return (text) => text === '';
  const { exact = '', prefix = '' } = matcher;
  const regexp = matcher.regex === undefined || matcher.regex === '' ? null : compile(matcher.regex);
  if (regexp === null && prefix === '') return (text) => exact !== '' && text === exact;
  return (text) =>
    (exact !== '' && text === exact) ||
    (prefix !== '' && text.startsWith(prefix)) ||
    (regexp !== null && regexp.test(text));
}
