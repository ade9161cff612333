// Fields of CORSAdaptor (planned).

import { z } from 'zod';
import { flag, integer, list, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const corsAdaptorSchema = plannedFilter({
  kind: 'CORSAdaptor',
  description: 'Answers CORS pre-flights and marks answers for other origins.',
  results: ['preflighted', 'rejected'],
  spec: z.strictObject({
    allowedOrigins: list(text('Origin with at most one `*`.'), 256, 'Origins; empty = any.').default([]),
    allowedMethods: list(text('Method.', 32), 32, 'Methods.').default(['GET', 'HEAD', 'POST']),
    allowedHeaders: list(text('Header or `*`.'), 256, 'Headers beyond the safe ones.').default([]),
    allowCredentials: flag('Credentials may be sent.').default(false),
    exposedHeaders: list(text('Header.'), 256, 'Headers that scripts may read.').default([]),
    maxAge: integer('Seconds that a pre-flight holds.', 0, 86_400_000).default(0),
    supportCORSRequest: flag('Accepted from version 2.0; requests are always handled.').default(false),
  }),
});
