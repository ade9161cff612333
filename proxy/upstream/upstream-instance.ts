// One version of an upstream unit at work: its targets, their pools, the balancer and the time-outs. Addresses come
// from outside (resolved names, endpoints) and change in place. The next version takes over the pools of endpoints
// that stay; what is left closes when it is disposed, calls under way finish first.

import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { EndpointsContent, UpstreamContent } from '#proxy/contract/units.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import { Call, type CallOwner, looksUntilStalled } from './call.ts';
import { type ConnectKit, connectTimeoutMs, type TlsTarget, tlsContext } from './connect.ts';
import type { ConnectPolicy } from './connect-policy.ts';
import { type Clock, DeadlineQueue } from './deadlines.ts';
import { Http2Pool } from './http2-pool.ts';
import { EndpointPool, IdleBudget, idleTimeoutMs, type Pool } from './pool.ts';
import type { Addresses } from './resolver.ts';
import { Target } from './target.ts';
import type { Upstream, UpstreamCall, UpstreamCallbacks, UpstreamRequest } from './upstream.ts';

/** What an upstream uses besides its content. Nothing is global. */
export interface UpstreamKit extends Clock {
  /** [0, 1). */
  random(): number;
  readonly connectPolicy: ConnectPolicy;
  /** Milliseconds without a byte of an answer's body; 0 or none = any time. */
  readonly bodyIdleMs?: number;
  /** An answer was broken off for that. */
  readonly onStalled?: () => void;
}

export interface UpstreamStats {
  readonly targets: number;
  /** Connections, idle ones included. */
  readonly open: number;
  readonly idle: number;
  /** Calls under way. */
  readonly active: number;
}

type Server = UpstreamContent['servers'][number];

/** Throws when the TLS settings cannot be used: the unit is rejected before it serves. */
export function createUpstream(name: string, content: UpstreamContent, kit: UpstreamKit): UpstreamInstance {
  return new UpstreamInstance(name, content, kit);
}

export class UpstreamInstance implements Upstream, CallOwner {
  readonly name: string;
  readonly title: string;
  readonly deadlines: DeadlineQueue | null;
  readonly stalls: DeadlineQueue | null;
  private readonly content: UpstreamContent;
  private readonly kit: UpstreamKit;
  private readonly connectKit: ConnectKit;
  private readonly budget: IdleBudget;
  private readonly pools = new Map<string, Pool>();
  private secureContext: SecureContext | null = null;
  private readonly resolved = new Map<string, readonly string[]>();
  private endpoints: EndpointsContent | null = null;
  private targets: readonly Target[] = [];
  private balancer: Balancer<Target>;
  private active = 0;
  private disposed = false;

  constructor(name: string, content: UpstreamContent, kit: UpstreamKit) {
    this.name = name;
    this.title = content.title;
    this.content = content;
    this.kit = kit;
    this.deadlines = content.timeout > 0 ? new DeadlineQueue(content.timeout, kit) : null;
    const { bodyIdleMs = 0 } = kit;
    this.stalls = bodyIdleMs > 0 ? new DeadlineQueue(bodyIdleMs / looksUntilStalled, kit) : null;
    this.connectKit = { policy: kit.connectPolicy, deadlines: new DeadlineQueue(connectTimeoutMs, kit) };
    const idle = new DeadlineQueue(idleTimeoutMs, kit);
    this.budget = new IdleBudget(content.maxIdleConns, content.maxIdleConnsPerHost, idle);
    const { ca, certificate, key } = content.tls;
    if (ca !== '' || certificate !== '' || key !== '') this.secureContext = tlsContext(content.tls);
    this.balancer = createBalancer(content.balancer, [], { random: () => kit.random(), position: 0 });
    this.rebuild();
  }

  send(request: UpstreamRequest, callbacks: UpstreamCallbacks): UpstreamCall {
    const target = this.balancer.pick(request);
    if (target === null) {
      callbacks.error(new ProxyError('NoEndpoint', `${this.title} has no endpoint that can serve`));
      return noCall;
    }
    this.active++;
    const call = new Call(this, target, request, callbacks);
    call.begin();
    return call;
  }

  /** Addresses of names in server URLs; names that are missing keep what they had. */
  setResolved(names: Addresses): void {
    const known = pick(names, this.content.servers);
    if (known.size === 0) return;
    for (const [name, addresses] of known) this.resolved.set(name, addresses);
    this.rebuild();
  }

  /** Content of the live unit that `endpoints` names; null = it does not exist. */
  setEndpoints(content: EndpointsContent | null): void {
    this.endpoints = content;
    this.rebuild();
  }

  /** Takes over what stays of the version before, which is disposed afterwards. To be called when this one goes live. */
  inherit(previous: UpstreamInstance): void {
    for (const { host } of this.content.servers) {
      const addresses = previous.resolved.get(host);
      if (addresses !== undefined && !this.resolved.has(host)) this.resolved.set(host, addresses);
    }
    if (this.endpoints === null && this.content.endpoints === previous.content.endpoints) {
      this.endpoints = previous.endpoints;
    }
    this.rebuild();
    const position = this.content.balancer === previous.content.balancer ? previous.balancer.position : 0;
    if (sameTls(this.content, previous.content)) {
      this.secureContext ??= previous.secureContext;
      for (const key of this.pools.keys()) {
        const pool = previous.pools.get(key);
        if (pool === undefined) continue;
        previous.pools.delete(key);
        pool.move(this.connectKit, this.budget);
        this.pools.set(key, pool);
      }
    }
    this.rebuild(position);
  }

  /** Idle connections close now, those in use when they are done. */
  dispose(): void {
    this.disposed = true;
    for (const pool of this.pools.values()) pool.drain();
    this.stopTimersWhenDone();
  }

  stats(): UpstreamStats {
    let open = 0;
    let idle = 0;
    for (const pool of this.pools.values()) {
      open += pool.open;
      idle += pool.idleCount;
    }
    return { targets: this.targets.length, open, idle, active: this.active };
  }

  now(): number {
    return this.kit.now();
  }

  stalled(): void {
    this.kit.onStalled?.();
  }

  left(): void {
    this.active--;
    if (this.disposed) this.stopTimersWhenDone();
  }

  private stopTimersWhenDone(): void {
    if (this.active > 0) return;
    this.deadlines?.dispose();
    this.stalls?.dispose();
    this.connectKit.deadlines.dispose();
    this.budget.queue.dispose();
  }

  /** Targets, and pools for exactly their addresses. */
  private rebuild(position = this.balancer.position): void {
    const used = new Set<string>();
    const targets: Target[] = [];
    for (const server of this.content.servers) {
      const addresses = isIP(server.host) === 0 ? (this.resolved.get(server.host) ?? []) : [server.host];
      const pools = addresses.map((address) => this.poolOf(server, address, used));
      if (pools.length > 0) targets.push(new Target(server, this.content, pools));
    }
    for (const server of endpointServers(this.endpoints, targets.length > 0)) {
      targets.push(new Target(server, this.content, [this.poolOf(server, server.host, used)]));
    }
    for (const [key, pool] of this.pools) {
      if (used.has(key)) continue;
      this.pools.delete(key);
      pool.drain();
    }
    this.targets = targets;
    this.balancer = createBalancer(this.content.balancer, targets, { random: () => this.kit.random(), position });
  }

  private poolOf(server: Server, address: string, used: Set<string>): Pool {
    const servername = isIP(server.host) === 0 ? server.host : '';
    const protocol = server.protocol ?? 'http1';
    const key = `${server.scheme} ${protocol} ${address} ${server.port} ${server.scheme === 'https' ? servername : ''}`;
    used.add(key);
    let pool = this.pools.get(key);
    if (pool === undefined) {
      const tls = server.scheme === 'https' ? this.tlsTarget(servername) : null;
      const to = { address, port: server.port, tls, protocol };
      const Kind = protocol === 'http2' ? Http2Pool : EndpointPool;
      pool = new Kind(to, this.connectKit, this.budget);
      this.pools.set(key, pool);
    }
    return pool;
  }

  private tlsTarget(servername: string): TlsTarget {
    this.secureContext ??= tlsContext(this.content.tls);
    return { context: this.secureContext, servername, verify: this.content.tls.verify };
  }
}

/** Ready addresses; terminating ones only when nothing else can serve. */
function endpointServers(endpoints: EndpointsContent | null, others: boolean): Server[] {
  if (endpoints === null) return [];
  const { addresses, scheme, protocol } = endpoints;
  let usable = addresses.filter((address) => address.ready && !address.terminating);
  if (usable.length === 0 && !others) usable = addresses.filter((address) => address.terminating);
  return usable.map(({ ip, port }) => ({
    scheme,
    protocol,
    host: ip,
    port,
    path: '',
    weight: 1,
    keepHost: false,
    tags: [],
  }));
}

function pick(names: Addresses, servers: readonly Server[]): Map<string, readonly string[]> {
  const picked = new Map<string, readonly string[]>();
  for (const { host } of servers) if (Object.hasOwn(names, host)) picked.set(host, names[host] ?? []);
  return picked;
}

function sameTls(a: UpstreamContent, b: UpstreamContent): boolean {
  return (
    a.tls.verify === b.tls.verify &&
    a.tls.ca === b.tls.ca &&
    a.tls.certificate === b.tls.certificate &&
    a.tls.key === b.tls.key
  );
}

const noCall: UpstreamCall = { endpoint: '', cancel() {} };
