// The list of filter kinds that the operator sees: fields and declared results, nothing that runs.

import type { FilterSchema } from './filter-schema.ts';
import { mockSchema } from './mock/schema.ts';
import { proxySchema } from './proxy/schema.ts';
import { rateLimiterSchema } from './rate-limiter/schema.ts';

export { poolSchema, type Pool } from './proxy/pool-schema.ts';
export { checkPool } from './proxy/pool-rules.ts';

// A list of different schemas: each `check` takes what its own `spec` has parsed, which only the caller can promise.
const list = [proxySchema, mockSchema, rateLimiterSchema] as unknown as readonly FilterSchema[];

/** By kind. */
export const filterSchemas: ReadonlyMap<string, FilterSchema> = new Map(list.map((schema) => [schema.kind, schema]));
