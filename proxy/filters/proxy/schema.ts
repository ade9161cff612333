// Fields of the Proxy filter: sends the request to a server of the first pool that takes it.

import { z } from 'zod';
import { base64Field, flag, integer, list } from '#proxy/primitives/fields.ts';
import { inactiveFields } from '#proxy/primitives/shape.ts';
import { defineFilterSchema, type PoolUse } from '../filter-schema.ts';
import { checkMainPool, checkPool } from './pool-rules.ts';
import { poolSchema } from './pool-schema.ts';

const mtlsSchema = z
  .strictObject({
    certBase64: base64Field('Client certificate, PEM in base64.').optional(),
    keyBase64: base64Field('Its private key, PEM in base64.').meta({ secret: true }).optional(),
    rootCertBase64: base64Field("Authorities that servers are checked against; absent = the system's.")
      .meta({ protects: true })
      .optional(),
    insecureSkipVerify: flag('Servers are not checked at all.').default(false),
  })
  .meta({
    description: 'TLS towards https servers. They are always checked unless this says otherwise.',
    protects: true,
  });

const bytes = Number.MAX_SAFE_INTEGER;

const spec = z.strictObject({
  pools: list(poolSchema, 64, 'Exactly one pool without `filter` (the main one) and any number of candidates.').min(1),
  mirrorPool: poolSchema
    .meta({
      description: 'Gets a copy of the requests that its `filter` takes; its answers are dropped.',
      inactive: true,
    })
    .optional(),
  compression: z
    .strictObject({ minLength: integer('Answers shorter than this stay as they are.', 0, bytes).default(0) })
    .meta({ description: 'Compresses answers with gzip.', inactive: true })
    .optional(),
  mtls: mtlsSchema.optional(),
  maxIdleConns: integer('Idle connections kept in all.', 0, 1_000_000).default(10_240),
  maxIdleConnsPerHost: integer('Idle connections kept per server.', 0, 1_000_000).default(1024),
  maxRedirection: integer('Redirects that are followed; 0 hands them to the client.', 0, 100)
    .meta({ inactive: true })
    .default(0),
  serverMaxBodySize: integer(
    'Largest body of an answer in bytes; 0 = 4 MiB, negative = no limit.',
    -1 * bytes,
    bytes,
  ).default(4_194_304),
});

export const proxySchema = defineFilterSchema({
  kind: 'Proxy',
  description: 'Sends the request to a server of a pool and takes its answer.',
  spec,
  results: ['internalError', 'clientError', 'serverError', 'failureCode', 'timeout', 'shortCircuited'],
  status: 'stable',
  untrusted: 'yes',
  since: '0.1.0',
  inactive: inactiveFields(spec),
  pools: (filter) => {
    let candidates = 0;
    return filter.pools.map((pool, index): PoolUse => ({
      path: `pools[${index}]`,
      role: pool.filter === undefined ? 'main' : `candidate#${candidates++}`,
      pool,
    }));
  },
  check: (filter) => {
    const found: [string, string, 'InvalidPool'?][] = [
      ...checkMainPool(filter.pools, 'pools'),
      ...filter.pools.flatMap((pool, index) => checkPool(pool, `pools[${index}]`)),
    ];
    if (filter.mirrorPool !== undefined) {
      found.push(...checkPool(filter.mirrorPool, 'mirrorPool'));
      if (filter.mirrorPool.filter === undefined) {
        found.push([
          'mirrorPool.filter',
          'the mirror pool has no `filter`; state which requests it gets',
          'InvalidPool',
        ]);
      }
      if (filter.mirrorPool.memoryCache !== undefined) {
        found.push([
          'mirrorPool.memoryCache',
          'the mirror pool may not have a `memoryCache`; remove it',
          'InvalidPool',
        ]);
      }
    }
    const mtls = filter.mtls;
    if (mtls !== undefined && (mtls.certBase64 === undefined) !== (mtls.keyBase64 === undefined)) {
      found.push(['mtls', '`certBase64` and `keyBase64` belong together; state both or neither']);
    }
    return found;
  },
});
