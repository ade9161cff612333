// Active health checks of a pool (not yet active).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { integer, list, map, statusCode, text } from '#proxy/primitives/fields.ts';

const headerMatchSchema = z.strictObject({
  name: text('Header.'),
  value: text('Text or expression.'),
  type: z.enum(['exact', 'regexp']).meta({ description: 'How `value` is meant.' }).default('exact'),
});

const healthMatchSchema = z.strictObject({
  statusCodes: list(
    z.array(statusCode('A status code.')).length(2).meta({ description: 'First and last code.' }),
    64,
    'Ranges of codes that are healthy.',
  ).default([[200, 399]]),
  headers: list(headerMatchSchema, 64, 'Headers that must all fit.').default([]),
  body: z
    .strictObject({
      value: text('Text or expression.', 4096),
      type: z.enum(['contains', 'regexp']).meta({ description: 'How `value` is meant.' }).default('contains'),
    })
    .meta({ description: 'What the body must hold.' })
    .optional(),
});

export const healthCheckSchema = z
  .strictObject({
    interval: durationField('Time between two checks.').default('60s'),
    timeout: durationField('Bound on one check.').default('3s'),
    fails: integer('Failures in a row that make a server unhealthy.', 1, 1000).default(1),
    passes: integer('Successes in a row that make it healthy again.', 1, 1000).default(1),
    port: integer("Port to ask; the server's when absent.", 1, 65535).optional(),
    uri: text('Path and query to ask.', 2048).optional(),
    path: text('Older name of `uri`.', 2048).optional(),
    method: text('Method.', 32).default('GET'),
    headers: map(text('Value.', 4096), 64, 'Headers; `Host` sets the host.').default({}),
    body: text('Body.', 65_536).optional(),
    username: text('User for basic authentication.').optional(),
    password: text('Password for basic authentication.').meta({ secret: true }).optional(),
    match: healthMatchSchema.meta({ description: 'What a healthy answer looks like.' }).optional(),
  })
  .meta({ description: 'Active health check.' });
