// Fields of WebSocketProxy (planned; Proxy already passes WebSockets through).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { flag, integer, list, map, statusCode, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';

const serverSchema = z.strictObject({
  url: text('ws, wss, http or https URL.', 2048),
  tags: list(text('A tag.'), 64, 'Marks.').default([]),
  weight: integer('Share.', 0, 100).optional(),
  keepHost: flag("Sends the client's Host.").default(false),
});

const loadBalanceSchema = z.strictObject({
  policy: text('Policy.', 64).optional(),
  headerHashKey: text('Header that `headerHash` uses.').optional(),
});

const checkSchema = z.strictObject({
  port: integer('Port.', 1, 65_535).optional(),
  uri: text('Path and query.', 2048).optional(),
  headers: map(text('Value.', 8192), 64, 'Headers.').default({}),
  match: z
    .strictObject({ statusCodes: list(list(statusCode('Code.'), 2, 'First and last.'), 64, 'Ranges.').default([]) })
    .meta({ description: 'What a healthy answer looks like.' })
    .optional(),
});

const poolSchema = z.strictObject({
  servers: list(serverSchema, 1000, 'Servers by URL.').default([]),
  serviceRegistry: text('Registry.').optional(),
  serviceName: text('Name in the registry.').optional(),
  loadBalance: loadBalanceSchema.meta({ description: 'Choice of a server.' }).optional(),
  filter: z
    .strictObject({ headers: map(stringMatcherSchema, 64, 'Conditions on headers.').default({}) })
    .meta({ description: 'Makes this a candidate pool.' })
    .optional(),
  clientMaxMsgSize: integer('Largest message of a client; -1 = no limit.', -1, 2_147_483_647).default(32_768),
  serverMaxMsgSize: integer('Largest message of a server; -1 = no limit.', -1, 2_147_483_647).default(32_768),
  originPatterns: list(text('Glob pattern.'), 64, 'Origins that may connect.').default([]),
  insecureSkipVerify: flag('The Origin is not checked.').default(false),
  healthCheck: z
    .strictObject({
      interval: durationField('Time between two checks.').default('60s'),
      timeout: durationField('Bound on one check.').default('3s'),
      fails: integer('Failures in a row.', 1, 1000).default(1),
      passes: integer('Successes in a row.', 1, 1000).default(1),
      http: checkSchema.meta({ description: 'Check by HTTP.' }).optional(),
      ws: checkSchema.meta({ description: 'Check by a handshake.' }).optional(),
    })
    .meta({ description: 'Active health check.' })
    .optional(),
});

export const webSocketProxySchema = plannedFilter({
  kind: 'WebSocketProxy',
  description: 'Carries WebSocket messages between client and server.',
  results: ['internalError', 'clientError'],
  spec: z.strictObject({ pools: list(poolSchema, 64, 'One main pool and candidates.').min(1) }),
});
