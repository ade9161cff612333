// Fields of Redirector (planned).

import { z } from 'zod';
import { integer, regexpField, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const redirectorSchema = plannedFilter({
  kind: 'Redirector',
  description: 'Redirects by an expression.',
  results: ['redirected'],
  spec: z.strictObject({
    match: regexpField('Expression.'),
    matchPart: z.enum(['uri', 'path', 'full']).meta({ description: 'What it is applied to.' }).default('uri'),
    replacement: text('Replacement of every match.', 4096),
    statusCode: integer('Status code.', 300, 308).default(301),
  }),
});
