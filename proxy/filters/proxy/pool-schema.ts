// A pool: a group of servers with its own balancing, limits and policies. HTTPServer's `backendPool` is one as well.
// Everything is optional here, because what belongs together is judged by the rules in pool-rules.ts and because
// compile takes out of a pool what it has turned into an upstream unit.

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { flag, integer, list, map, methodList, requiredText, statusCode, text } from '#proxy/primitives/fields.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';
import { healthCheckSchema } from './health-check-schema.ts';

const bytes = Number.MAX_SAFE_INTEGER;

export const serverSchema = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .refine(isServerUrl, { error: 'an `http://` or `https://` URL with a host, such as `http://127.0.0.1:9001`' })
      .meta({ description: 'Where the server is. A path in it is put before the path of the request.', format: 'url' }),
    tags: list(requiredText('A tag.', 256), 64, 'Marks that `serverTags` selects by.').default([]),
    weight: integer(
      'Share under `weightedRandom`. All servers of a pool have a weight or none has.',
      0,
      100,
    ).optional(),
    keepHost: flag("Sends the client's Host to this server in every case.").default(false),
  })
  .meta({ description: 'One server.' });

function isServerUrl(url: string): boolean {
  // The URL parser forgives white space and backslashes; a person who wrote them meant something else.
  if (!/^https?:\/\/[^/\\\s][^\\\s]*$/.test(url)) return false;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.hostname === '' || parsed.port === '0') return false;
  return parsed.username === '' && parsed.password === '' && parsed.hash === '';
}

const stickySessionSchema = z.strictObject({
  mode: z
    .enum(['CookieConsistentHash', 'DurationBased', 'ApplicationBased'])
    .meta({ description: 'How a client is bound to a server.' }),
  appCookieName: text('Cookie of the application, for the first and last mode.').optional(),
  lbCookieName: text('Cookie that the gateway sets.').default('EG_SESSION'),
  lbCookieExpire: durationField('How long that cookie holds.').default('2h'),
});

export const loadBalanceSchema = z
  .strictObject({
    policy: z
      .enum(['roundRobin', 'random', 'weightedRandom', 'ipHash', 'headerHash', 'cookieHash'])
      .meta({ description: 'How a server is chosen.', inactiveValues: ['ipHash', 'headerHash', 'cookieHash'] })
      .default('roundRobin'),
    headerHashKey: text('Header whose value `headerHash` uses.').optional(),
    stickySession: stickySessionSchema
      .meta({ description: 'Keeps a client on one server.', inactive: true })
      .optional(),
  })
  .meta({ description: 'Choice of a server.' });

export const requestMatcherSchema = z
  .strictObject({
    policy: z
      .enum(['', 'general', 'ipHash', 'headerHash', 'random'])
      .meta({
        description: '`general` (or empty) looks at headers and URLs; the others take `permil` of the requests.',
      })
      .default('general'),
    headers: map(stringMatcherSchema, 64, 'Conditions on request headers, by name. Any one is enough.').default({}),
    matchAllHeaders: flag('All conditions of `headers` must hold.').default(false),
    urls: list(
      z.strictObject({
        methods: methodList('Methods; empty = any.').default([]),
        url: stringMatcherSchema.meta({ description: 'Condition on the path of the request.' }),
      }),
      64,
      'Conditions on method and path, any one is enough; together with `headers` both must hold.',
    ).default([]),
    permil: integer('Requests out of 1000, for the policies other than `general`.', 1, 1000).optional(),
    headerHashKey: text('Header whose value `headerHash` uses.').optional(),
  })
  .meta({ description: 'Which requests a candidate pool takes.' });

const memoryCacheSchema = z.strictObject({
  expiration: durationField('How long an entry is used.'),
  maxEntryBytes: integer('Largest body that is kept.', 1, bytes),
  codes: list(statusCode('A status code.'), 500, 'Status codes that are kept.'),
  methods: methodList('Methods whose answers are kept.'),
});

const serviceRefSchema = z.strictObject({
  name: requiredText('Name of the Service.', 253),
  port: z
    .union([z.int().min(1).max(65535), z.string().min(1).max(63)])
    .meta({ description: 'Number or name of a port of the Service.', 'x-kubernetes-int-or-string': true }),
  namespace: text("Namespace of the Service; the object's own when absent.", 253).optional(),
});

export const poolSchema = z
  .strictObject({
    servers: list(serverSchema, 1000, 'Servers by URL.').default([]),
    service: serviceRefSchema.meta({ description: 'A Kubernetes Service whose endpoints are the servers.' }).optional(),
    serviceRegistry: text('Registry that `serviceName` is looked up in.').meta({ inactive: true }).optional(),
    serviceName: text('Name in a service registry; `servers` is the fallback.').meta({ inactive: true }).optional(),
    serverTags: list(requiredText('A tag.', 256), 64, 'Only registry instances that have one of these tags.')
      .meta({ inactive: true })
      .default([]),
    loadBalance: loadBalanceSchema.default({ policy: 'roundRobin' }),
    filter: requestMatcherSchema
      .meta({ description: 'Makes this a candidate pool, which takes the requests that fit.' })
      .optional(),
    timeout: durationField('Bound on one attempt; absent or 0 = none.').optional(),
    retryPolicy: text('Name of a Retry policy of the pipeline.').meta({ inactive: true }).optional(),
    circuitBreakerPolicy: text('Name of a CircuitBreaker policy of the pipeline.').meta({ inactive: true }).optional(),
    failureCodes: list(
      statusCode('A status code.'),
      500,
      'Status codes that count as failure (result `failureCode`); empty = 500 and above.',
    ).default([]),
    memoryCache: memoryCacheSchema.meta({ description: 'Keeps answers in memory.', inactive: true }).optional(),
    serverMaxBodySize: integer(
      "Largest body of an answer in bytes; 0 or absent = the filter's, negative = no limit.",
      -1 * bytes,
      bytes,
    ).optional(),
    healthCheck: healthCheckSchema.meta({ inactive: true }).optional(),
    spanName: text('Name of the span in traces.').meta({ inactive: true }).optional(),
    setUpstreamHost: flag("Sends the server's own host instead of the client's.").default(false),
  })
  .meta({ description: 'A group of servers.' });

export type Pool = z.infer<typeof poolSchema>;
export type RequestMatcher = z.infer<typeof requestMatcherSchema>;
