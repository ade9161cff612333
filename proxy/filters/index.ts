// The filters that the runtime can build. Beside schemas.ts the only list of kinds.

import type { FilterDefinition } from '#proxy/pipeline/filter.ts';
import { mock } from './mock/filter.ts';
import { proxy } from './proxy/filter.ts';
import { rateLimiter } from './rate-limiter/filter.ts';

const definitions: readonly FilterDefinition[] = [mock, proxy, rateLimiter];

/** By kind. */
export const filters: ReadonlyMap<string, FilterDefinition> = new Map(
  definitions.map((definition) => [definition.schema.kind, definition]),
);
