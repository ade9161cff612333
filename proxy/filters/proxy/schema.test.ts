import { describe, expect, it } from 'vitest';
import { proxySchema } from './schema.ts';

const server = { url: 'http://127.0.0.1:9001' };
const candidate = { servers: [server], filter: { headers: { 'X-Canary': { exact: 'yes' } } } };

function check(value: unknown): string[] {
  const spec = proxySchema.spec.parse(value);
  return (proxySchema.check?.(spec) ?? []).map(([path, message]) => `${path}: ${message}`);
}

describe('the fields of Proxy', () => {
  it('apply the defaults of Easegress', () => {
    expect(proxySchema.spec.parse({ pools: [{ servers: [server] }] })).toMatchObject({
      maxIdleConns: 10_240,
      maxIdleConnsPerHost: 1024,
      serverMaxBodySize: 4_194_304,
      maxRedirection: 0,
      pools: [{ loadBalance: { policy: 'roundRobin' }, failureCodes: [], setUpstreamHost: false }],
    });
  });

  it('accept weight 0', () => {
    expect(check({ pools: [{ servers: [{ ...server, weight: 0 }] }] })).toEqual([]);
  });

  it.each([
    '127.0.0.1:9001',
    'ftp://a',
    'http://',
    'http://user:pw@a',
    'http://a:99999',
    'http:/a',
    'http://a:0',
    'http://a b',
    'http://a\n.b',
    'http://a\\b',
    'http://a#b',
    '',
  ])('refuse %s as the URL of a server', (url) => {
    expect(proxySchema.spec.safeParse({ pools: [{ servers: [{ url }] }] }).success).toBe(false);
  });

  it('name every field whose machinery is not built, and none of them protects', () => {
    expect(proxySchema.inactive.map((field) => field.path)).toEqual([
      'pools[].serviceRegistry',
      'pools[].serviceName',
      'pools[].serverTags',
      'pools[].loadBalance.stickySession',
      'pools[].retryPolicy',
      'pools[].circuitBreakerPolicy',
      'pools[].memoryCache',
      'pools[].healthCheck',
      'pools[].spanName',
      'mirrorPool',
      'compression',
      'maxRedirection',
    ]);
    expect(proxySchema.inactive.filter((field) => field.protects)).toEqual([]);
  });
});

describe('the pools of Proxy', () => {
  it('are found with their roles', () => {
    const spec = proxySchema.spec.parse({ pools: [candidate, { servers: [server] }, candidate] });
    expect(proxySchema.pools?.(spec).map(({ path, role }) => [path, role])).toEqual([
      ['pools[0]', 'candidate#0'],
      ['pools[1]', 'main'],
      ['pools[2]', 'candidate#1'],
    ]);
  });

  it.each([
    ['no main pool', [candidate], 'pools: no pool is without `filter`'],
    ['two main pools', [{ servers: [server] }, { servers: [server] }], 'pools: 2 pools are without `filter`'],
    ['a pool without servers', [{ servers: [] }], 'pools[0]: the pool has no `servers`'],
    ['weights here and there', [{ servers: [{ ...server, weight: 1 }, server] }], 'pools[0].servers: 1 of 2'],
    [
      'both a Service and a registry',
      [{ service: { name: 'a', port: 80 }, serviceName: 'a' }],
      'pools[0].service: the pool states both',
    ],
    [
      'a health check beside a registry',
      [{ serviceName: 'a', healthCheck: {} }],
      'pools[0].healthCheck: `healthCheck` does not go',
    ],
    [
      'headerHash without a header',
      [{ servers: [server], loadBalance: { policy: 'headerHash' } }],
      'pools[0].loadBalance.headerHashKey',
    ],
    [
      'a matcher without conditions',
      [{ servers: [server] }, { servers: [server], filter: {} }],
      'pools[1].filter: the matcher has no conditions',
    ],
    [
      'a share without its size',
      [{ servers: [server] }, { servers: [server], filter: { policy: 'random' } }],
      'pools[1].filter.permil: policy `random` needs `permil`',
    ],
  ])('are refused with %s', (_title, pools, finding) => {
    const found = check({ pools });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(finding);
  });

  it('are refused with a certificate without its key', () => {
    expect(check({ pools: [{ servers: [server] }], mtls: { certBase64: 'YQ==' } })).toEqual([
      'mtls: `certBase64` and `keyBase64` belong together; state both or neither',
    ]);
  });

  it('are refused with a mirror that has no filter or a cache', () => {
    const memoryCache = { expiration: '1s', maxEntryBytes: 1, codes: [200], methods: ['GET'] };
    const found = check({ pools: [{ servers: [server] }], mirrorPool: { servers: [server], memoryCache } });
    expect(found.map((line) => line.split(':')[0])).toEqual(['mirrorPool.filter', 'mirrorPool.memoryCache']);
  });
});
