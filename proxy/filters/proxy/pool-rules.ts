// What the fields of a pool must be together (reference rules of Easegress, and those of the fields we add). Each
// finding is a path inside the given place and a sentence for the person who wrote it.

import type { Pool, RequestMatcher } from './pool-schema.ts';

export type PoolFinding = [path: string, message: string, code: 'InvalidPool'];

/** Findings of one pool that stands at `path`. */
export function checkPool(pool: Pool, path: string): PoolFinding[] {
  const found: PoolFinding[] = [];
  const add = (at: string, message: string): void => {
    found.push([at === '' ? path : `${path}.${at}`, message, 'InvalidPool']);
  };
  if (pool.servers.length === 0 && pool.service === undefined && (pool.serviceName ?? '') === '') {
    add('', 'the pool has no `servers`, `service` or `serviceName`; state at least one server');
  }
  if (pool.service !== undefined && (pool.serviceName ?? '') !== '') {
    add('service', 'the pool states both `service` and `serviceName`; keep one of them');
  }
  const weighted = pool.servers.filter((server) => server.weight !== undefined).length;
  if (weighted !== 0 && weighted !== pool.servers.length) {
    add(
      'servers',
      `${weighted} of ${pool.servers.length} servers have a \`weight\`; either all servers have one or none`,
    );
  }
  if (pool.healthCheck !== undefined && (pool.serviceName ?? '') !== '') {
    add('healthCheck', '`healthCheck` does not go with `serviceName`; the registry judges health');
  }
  if (pool.loadBalance.policy === 'headerHash' && (pool.loadBalance.headerHashKey ?? '') === '') {
    add('loadBalance.headerHashKey', '`headerHash` needs `headerHashKey`, the name of a header');
  }
  if (pool.filter !== undefined) for (const [at, message] of checkMatcher(pool.filter)) add(at, message);
  return found;
}

function checkMatcher(filter: RequestMatcher): [at: string, message: string][] {
  if (filter.policy === '' || filter.policy === 'general') {
    if (Object.keys(filter.headers).length > 0 || filter.urls.length > 0) return [];
    return [['filter', 'the matcher has no conditions; state `headers`, `urls` or both']];
  }
  const found: [string, string][] = [];
  if (filter.permil === undefined) {
    found.push(['filter.permil', `policy \`${filter.policy}\` needs \`permil\`, a number from 1 to 1000`]);
  }
  if (filter.policy === 'headerHash' && (filter.headerHashKey ?? '') === '') {
    found.push(['filter.headerHashKey', '`headerHash` needs `headerHashKey`, the name of a header']);
  }
  return found;
}

/** There must be exactly one pool without `filter` among those of one filter. */
export function checkMainPool(pools: readonly Pool[], path: string): PoolFinding[] {
  const main = pools.filter((pool) => pool.filter === undefined).length;
  if (main === 1) return [];
  const message =
    main === 0
      ? 'no pool is without `filter`; exactly one, the main pool, takes what no candidate takes'
      : `${main} pools are without \`filter\`; exactly one, the main pool, may be`;
  return [[path, message, 'InvalidPool']];
}
