// Fields of GRPCProxy (planned).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { flag, integer, list, map, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';

const poolSchema = z.strictObject({
  servers: list(
    z.strictObject({
      url: text('URL.', 2048),
      tags: list(text('A tag.'), 64, 'Marks.').default([]),
      weight: integer('Share.', 0, 100).optional(),
      keepHost: flag("Sends the client's authority.").default(false),
    }),
    1000,
    'Servers by URL.',
  ).default([]),
  serviceRegistry: text('Registry.').optional(),
  serviceName: text('Name in the registry.').optional(),
  serverTags: list(text('A tag.'), 64, 'Tags of servers that take part.').default([]),
  loadBalance: z
    .strictObject({
      policy: text('Policy; `forward` takes the address from the metadata.', 64).optional(),
      headerHashKey: text('Metadata that `headerHash` uses.').optional(),
      forwardKey: text('Metadata that `forward` uses.').optional(),
    })
    .meta({ description: 'Choice of a server.' })
    .optional(),
  filter: z
    .strictObject({
      headers: map(stringMatcherSchema, 64, 'Conditions on metadata.').default({}),
      matchAllHeaders: flag('All must hold.').default(false),
      methods: list(stringMatcherSchema, 64, 'Conditions on the method.').default([]),
      permil: integer('Requests out of 1000.', 1, 1000).optional(),
      policy: text('Policy.', 64).optional(),
      headerHashKey: text('Metadata that `headerHash` uses.').optional(),
    })
    .meta({ description: 'Makes this a candidate pool.' })
    .optional(),
  circuitBreakerPolicy: text('Name of a CircuitBreaker policy.').optional(),
  spanName: text('Name of the span.').optional(),
});

export const grpcProxySchema = plannedFilter({
  kind: 'GRPCProxy',
  description: 'Carries gRPC calls to a server.',
  results: ['internalError', 'clientError', 'serverError', 'shortCircuited'],
  spec: z.strictObject({
    pools: list(poolSchema, 64, 'One main pool and candidates.').min(1),
    timeout: durationField('Bound on a call.').optional(),
    borrowTimeout: durationField('Bound on waiting for a connection.').optional(),
    connectTimeout: durationField('Bound on connecting.').optional(),
    maxIdleConnsPerHost: integer('Idle connections kept per server.', 0, 1_000_000).default(1024),
  }),
});
