// Fields of SimpleHTTPProxy, a forward proxy (planned).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { integer, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

const bytes = Number.MAX_SAFE_INTEGER;

export const simpleHttpProxySchema = plannedFilter({
  kind: 'SimpleHTTPProxy',
  description: 'Sends the request to the server that its own URL names.',
  results: ['internalError', 'clientError', 'serverError', 'failureCode', 'timeout'],
  spec: z.strictObject({
    compression: z
      .strictObject({ minLength: integer('Shorter answers stay as they are.', 0, bytes).default(0) })
      .meta({ description: 'Compresses answers with gzip.' })
      .optional(),
    maxIdleConns: integer('Idle connections kept in all.', 0, 1_000_000).default(10_240),
    maxIdleConnsPerHost: integer('Idle connections kept per server.', 0, 1_000_000).default(1024),
    serverMaxBodySize: integer('Largest body of an answer; negative = no limit.', -1 * bytes, bytes).default(4_194_304),
    timeout: durationField('Bound on an attempt.').optional(),
    retryPolicy: text('Name of a Retry policy.').optional(),
  }),
});
