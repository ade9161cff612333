// Settings of a port for tests.

import type { ListenerContent } from '#proxy/contract/units.ts';

export function listenerContent(changes: Partial<ListenerContent> = {}): ListenerContent {
  return {
    audience: 'default',
    address: '127.0.0.1',
    port: 0,
    placement: 'all',
    protocol: 'http',
    keepAlive: true,
    keepAliveTimeout: 60_000,
    maxConnections: 10_000,
    ...changes,
  };
}
