// One target of an upstream: what the balancer chooses among. A server from a spec is one target, whatever number of
// addresses its name has; an address of an endpoints unit is one. A target takes its addresses in turn and leaves one
// that refused a connection alone for a while, as long as there is another.

import { isIP } from 'node:net';
import type { UpstreamContent } from '#proxy/contract/units.ts';
import type { Destination } from '#proxy/http1/client-exchange.ts';
import type { BalancerTarget } from './balancer.ts';
import type { Pool } from './pool.ts';

type Server = UpstreamContent['servers'][number];

/** How long an address that could not be connected to comes last. */
const avoidMs = 5_000;

export class Target implements Destination, BalancerTarget {
  readonly weight: number;
  readonly maxBody: number;
  readonly pathPrefix: string;
  /** What Host says; null = what the client said. */
  readonly host: string | null;
  /** What Host says when the client said nothing. */
  readonly ownHost: string;
  readonly pools: readonly Pool[];
  private turn = 0;
  private readonly avoidUntil: Float64Array;

  constructor(server: Server, content: UpstreamContent, pools: readonly Pool[]) {
    this.weight = server.weight;
    this.maxBody = content.serverMaxBodySize;
    this.pathPrefix = server.path;
    this.ownHost = hostOf(server);
    this.host = chooseHost(server, content.setUpstreamHost, this.ownHost);
    this.pools = pools;
    this.avoidUntil = new Float64Array(pools.length);
  }

  /** The pool for an attempt; `tried` is a bit set of those that failed in this call already. -1 when none is left. */
  next(tried: number, now: number): number {
    const { pools } = this;
    if (pools.length === 1) return tried === 0 ? 0 : -1;
    const start = this.turn++;
    let fallback = -1;
    for (let i = 0; i < pools.length; i++) {
      const index = (start + i) % pools.length;
      if (index < 31 && (tried & (1 << index)) !== 0) continue;
      if ((this.avoidUntil[index] as number) <= now) return index;
      if (fallback === -1) fallback = index;
    }
    return fallback;
  }

  refused(index: number, now: number): void {
    this.avoidUntil[index] = now + avoidMs;
  }
}

/** Reference 3.1.2: keepHost, then setUpstreamHost, then by whether the server is stated by address or by name. */
function chooseHost(server: Server, setUpstreamHost: boolean, ownHost: string): string | null {
  if (server.keepHost) return null;
  if (setUpstreamHost) return ownHost;
  return isIP(server.host) === 0 ? ownHost : null;
}

function hostOf(server: Server): string {
  const host = isIP(server.host) === 6 ? `[${server.host}]` : server.host;
  return server.port === (server.scheme === 'https' ? 443 : 80) ? host : `${host}:${server.port}`;
}
