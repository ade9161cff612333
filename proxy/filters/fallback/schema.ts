// Fields of Fallback (planned).

import { z } from 'zod';
import { map, statusCode, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const fallbackSchema = plannedFilter({
  kind: 'Fallback',
  description: 'Replaces the answer that is there by a fixed one.',
  results: ['fallback', 'responseNotFound'],
  spec: z.strictObject({
    mockCode: statusCode('Status code.', 200),
    mockHeaders: map(text('Value.', 8192), 64, 'Headers.').default({}),
    mockBody: text('Body.', 1_048_576).default(''),
  }),
});
