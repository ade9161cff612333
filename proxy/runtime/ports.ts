// The listeners of one data thread. A port is bound while a change is prepared, so that a failure rejects it in time;
// what arrives before the commit waits. A removed one answers 404 and closes for the grace period, and opens again at
// no cost when its unit comes back meanwhile.
//
//   preparing ── commit ─▶ open ── removed ─▶ retired ── grace over ─▶ closed
//                            ▲────── unit came back ────────┘

import type { Rejection } from '#proxy/contract/messages.ts';
import type { ListenerContent, Unit } from '#proxy/contract/units.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Exchange, ExchangeHandler, Peer } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { connectionLimits, type ConnectionLimits } from '#proxy/http1/limits.ts';
import type { AddressPlaces } from '#proxy/listeners/address-places.ts';
import { openListener, type Listener, type TurnedAway } from '#proxy/listeners/listener.ts';
import type { TlsKit } from '#proxy/listeners/tls-acceptor.ts';
import type { PipelineInstance } from '#proxy/pipeline/pipeline.ts';
import type { CidrSet } from '#proxy/primitives/ip.ts';
import type { Log } from '#proxy/process/log.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { bindRejection } from './addresses.ts';
import type { Certificates } from './certificates.ts';
import type { RequestObserver, RequestRecord } from './record.ts';
import { createRequestHandler } from './request.ts';
import type { Hosts } from './routes.ts';
import { blockOf, connectionsKey } from './shared-memory.ts';
import type { Staged } from './staged.ts';
import type { BindAddress, SharedBlock } from './thread-messages.ts';

export interface PortKit {
  /** Of the data thread; 0 has the listeners that only one thread may have. */
  readonly index: number;
  readonly reusePort: boolean;
  readonly observer: RequestObserver;
  readonly trustedPeers: CidrSet;
  /** Peers whose connections begin with a PROXY header. */
  readonly relays?: CidrSet;
  readonly places?: AddressPlaces;
  readonly onTurnedAway?: (reason: TurnedAway) => void;
  /** The thread keeps too much in memory: a request, or a slow head of one, was refused. */
  readonly onShed?: (what: 'request' | 'head') => void;
  readonly graceMs: number;
  /** Where they differ from the product's. */
  readonly limits?: Partial<ConnectionLimits>;
  /** Of this process: session tickets are good in all threads. */
  readonly ticketSecret: Uint8Array;
  readonly log: Log;
  readonly timer: (ms: number, fn: () => void) => () => void;
}

/** What ports see of the rest of the plane. */
export interface PortScope {
  hosts(listener: string): Hosts;
  pipeline(name: string): PipelineSlot<PipelineInstance> | undefined;
  readonly certificates: Certificates;
}

export class Ports {
  private readonly kit: PortKit;
  private readonly scope: PortScope;
  private readonly ports = new Map<string, Port>();
  private readonly closing = new Set<Promise<void>>();

  constructor(kit: PortKit, scope: PortScope) {
    this.kit = kit;
    this.scope = scope;
  }

  async prepare(
    unit: Unit<'listener'>,
    address: BindAddress,
    shared: readonly SharedBlock[],
  ): Promise<Staged | Rejection> {
    const { name, content } = unit;
    const present = this.ports.get(name);
    if (present !== undefined) return { commit: () => present.open(content), discard: () => undefined };
    if (content.placement === 'one' && this.kit.index > 0) return nothing;
    const block = blockOf(shared, connectionsKey + name);
    if (block === null) throw new Error(`no counter of connections for ${name}`);
    const port: Port = new Port(
      name,
      this.handlerOf(name, () => port.defaultCertificate),
    );
    const { relays, places, onTurnedAway, onShed } = this.kit;
    try {
      const listener = await openListener({
        ...(relays === undefined ? {} : { relays }),
        ...(places === undefined ? {} : { places }),
        ...(onTurnedAway === undefined ? {} : { onTurnedAway }),
        onHeadDropped: () => onShed?.('head'),
        content: { ...content, address: address.host, port: address.port },
        handler: port.handle,
        limits: { ...connectionLimits, ...this.kit.limits },
        reusePort: this.kit.reusePort,
        connections: new Int32Array(block),
        share: 1 + this.kit.index,
        tls: this.tlsOf(name),
        onRefused: (cause, peer) => this.kit.observer.done(refusedRecord(name, cause, peer)),
      });
      port.listener = listener;
    } catch (error) {
      return bindRejection(unit, address, error);
    }
    return {
      commit: () => {
        this.ports.set(name, port);
        port.open(content);
      },
      discard: () => this.track(port.listener?.close()),
    };
  }

  remove(name: string): void {
    const port = this.ports.get(name);
    if (port === undefined) return;
    const cancel = this.kit.timer(this.kit.graceMs, () => {
      this.ports.delete(name);
      this.track(port.listener?.retire(0));
    });
    port.retire(cancel, this.successorOf(port));
  }

  /** The port that takes every address of this number now: the former one goes on for it until it closes. */
  private successorOf(port: Port): Port | null {
    for (const other of this.ports.values()) {
      if (other !== port && other.takesAll && other.listener?.port === port.listener?.port) return other;
    }
    return null;
  }

  async drain(graceMs: number, deadlineMs: number): Promise<void> {
    const draining = [...this.ports.values()].map((port) => port.listener?.drain(graceMs, deadlineMs));
    await Promise.all([...draining.filter((each) => each !== undefined), ...this.closing]);
  }

  private track(closing: Promise<void> | undefined): void {
    if (closing === undefined) return;
    const tracked = closing.finally(() => this.closing.delete(tracked));
    this.closing.add(tracked);
  }

  private tlsOf(listener: string): TlsKit {
    const { ticketSecret, log } = this.kit;
    return {
      listener,
      certificates: this.scope.certificates.source(listener),
      ticketSecret,
      wallClock: () => Date.now(),
      onUnusable: (certificate, reason) =>
        log.error({ listener, certificate, reason }, 'certificate cannot be used; the default one is served'),
    };
  }

  private handlerOf(name: string, defaultCertificate: () => string | null): ExchangeHandler {
    const { certificates } = this.scope;
    return createRequestHandler({
      certificateOf: (host) => certificates.table(name).select(host) ?? defaultCertificate(),
      name,
      hosts: this.scope.hosts(name),
      slot: (pipeline) => this.scope.pipeline(pipeline),
      observer: this.kit.observer,
      onShed: () => this.kit.onShed?.('request'),
      trustedPeers: this.kit.trustedPeers,
      now: () => performance.now(),
      wallClock: () => Date.now(),
    });
  }
}

/** Exchanges that arrive between bind and commit wait here; a port that is being made is new to all clients. */
const maxParked = 1024;

class Port {
  readonly name: string;
  listener: Listener | null = null;
  readonly handle: ExchangeHandler;
  private readonly serve: ExchangeHandler;
  private parked: Set<Exchange> | null = new Set();
  private current: ExchangeHandler;
  private content: ListenerContent | null = null;
  private cancelRetire: (() => void) | null = null;

  constructor(name: string, serve: ExchangeHandler) {
    this.name = name;
    this.serve = serve;
    this.current = (exchange) => this.park(exchange);
    this.handle = (exchange) => this.current(exchange);
  }

  open(content: ListenerContent): void {
    this.cancelRetire?.();
    this.cancelRetire = null;
    this.current = this.serve;
    this.content = content;
    this.listener?.update(content);
    const waiting = this.parked;
    this.parked = null;
    for (const exchange of waiting ?? []) {
      exchange.onAbort = null;
      this.serve(exchange);
    }
  }

  get defaultCertificate(): string | null {
    return this.content?.tls?.defaultCertificate ?? null;
  }

  get takesAll(): boolean {
    return this.cancelRetire === null && this.content?.address === '';
  }

  /** `cancel` keeps it from being closed. */
  retire(cancel: () => void, successor: Port | null): void {
    this.cancelRetire?.();
    this.cancelRetire = cancel;
    if (this.content !== null) this.listener?.update({ ...this.content, keepAlive: false });
    this.current =
      successor?.handle ??
      ((exchange) => exchange.respond({ status: 404, reason: '', headers: new HeaderList() }, null));
  }

  private park(exchange: Exchange): void {
    const { parked } = this;
    if (parked === null || parked.size >= maxParked) {
      exchange.respond({ status: 503, reason: '', headers: new HeaderList() }, null);
      return;
    }
    parked.add(exchange);
    exchange.onAbort = () => parked.delete(exchange);
  }
}

const nothing: Staged = { commit: () => undefined, discard: () => undefined };

/** A request that could not be read is counted and logged like any other. */
function refusedRecord(listener: string, cause: ProxyError, peer: Peer): RequestRecord {
  return {
    listener,
    owner: '',
    rule: '',
    pathIndex: -1,
    pipeline: '',
    pipelineTitle: '',
    accessLogFormat: '',
    method: '',
    target: '',
    authority: '',
    scheme: 'http',
    version: '1.1',
    peer,
    realIp: peer.address,
    requestHeaders: new HeaderList(),
    responseHeaders: null,
    status: cause.status,
    error: cause.code,
    errorLayer: cause.layer,
    errorDetail: cause.message,
    time: Date.now(),
    durationMs: 0,
    bytesIn: 0,
    bytesOut: 0,
    traces: [],
    tags: [],
    upstreams: [],
  };
}
