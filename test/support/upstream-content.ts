// Contents of upstream units for tests: one server on loopback unless the test says more.

import type { UpstreamContent } from '#proxy/contract/units.ts';

export type UpstreamServer = UpstreamContent['servers'][number];

export function upstreamServer(change: Partial<UpstreamServer> = {}): UpstreamServer {
  return { scheme: 'http', host: '127.0.0.1', port: 80, path: '', weight: -1, keepHost: false, tags: [], ...change };
}

export function upstreamContentOf(
  options: { port?: number; servers?: readonly Partial<UpstreamServer>[]; content?: Partial<UpstreamContent> } = {},
): UpstreamContent {
  const servers = options.servers ?? (options.port === undefined ? [] : [{ port: options.port }]);
  return {
    title: 'proxy#main',
    servers: servers.map(upstreamServer),
    endpoints: null,
    balancer: 'roundRobin',
    timeout: 0,
    setUpstreamHost: false,
    serverMaxBodySize: -1,
    maxIdleConns: 10_240,
    maxIdleConnsPerHost: 1024,
    tls: { verify: true, ca: '', certificate: '', key: '' },
    ...options.content,
  };
}
