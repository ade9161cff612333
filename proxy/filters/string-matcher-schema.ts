// How filters state a condition on one text (a header value, a path). `exact`, `prefix` and `regex` are alternatives:
// any one that is set and fits is enough. `empty` stands alone and wants the text to be absent or empty.

import { z } from 'zod';
import { flag, regexpField, text } from '#proxy/primitives/fields.ts';

export const stringMatcherSchema = z
  .strictObject({
    exact: text('Equals this text.').optional(),
    prefix: text('Begins with this text.').optional(),
    regex: regexpField('Contains a match of this expression (RE2 syntax).').optional(),
    empty: flag('Is absent or empty. Excludes the other three.').default(false),
  })
  .refine(
    (matcher) => {
      const stated = [matcher.exact, matcher.prefix, matcher.regex].some((form) => form !== undefined && form !== '');
      return matcher.empty ? !stated : stated;
    },
    { error: 'at least one of `exact`, `prefix` and `regex`, or `empty: true` alone' },
  )
  .meta({ description: 'Condition on a text.' });

export type StringMatcher = z.infer<typeof stringMatcherSchema>;
