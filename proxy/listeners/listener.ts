// One port on one thread: accepts connections up to the port's limit, finds out what they speak and serves them. The
// handler, the settings and the limit may change behind it while it stays open; it closes only when its unit is gone
// or the process ends. It knows neither routes nor pipelines: those are behind the handler.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ListenerContent, TlsContent } from '#proxy/contract/units.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Exchange, ExchangeHandler, Peer } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { memoryBudget, overBudget } from '#proxy/exchange/memory-budget.ts';
import { unwatchClock, watchClock, type Swept } from '#proxy/http1/clock.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import {
  addressOf,
  keepClient,
  tellClient,
  type ServedConnection,
  type ServerContext,
} from '#proxy/http1/server-context.ts';
import { ServerConnection } from '#proxy/http1/server.ts';
import type { Http2Limits } from '#proxy/http2/limits.ts';
import { Http2ServerConnection } from '#proxy/http2/server.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { AddressPlaces } from './address-places.ts';
import { Arrival, type ArrivalOwner } from './arrival.ts';
import type { Relayed } from './proxy-header.ts';
import { TlsAcceptor, type TlsKit, type TlsOwner } from './tls-acceptor.ts';

export interface ListenerOptions {
  readonly content: ListenerContent;
  readonly handler: ExchangeHandler;
  readonly limits: ConnectionLimits;
  readonly http2?: Http2Limits;
  readonly reusePort: boolean;
  /** Shared by all threads of the port: index 0 counts its open connections. */
  readonly connections: Int32Array;
  /** Index of `connections` that counts those of this thread alone, so that its places come back when it dies. */
  readonly share?: number;
  /** Needed where the content may ask for https. Handshakes begin with the first update(). */
  readonly tls?: TlsKit;
  /** A request that could not be read was answered with `cause.status`; no exchange was made of it. */
  readonly onRefused?: (cause: ProxyError, peer: Peer) => void;
  /** Peers whose connections begin with a PROXY header; nobody else's may. */
  readonly relays?: CidrSet;
  /** Of the thread: connections of each client address on all its ports. */
  readonly places?: AddressPlaces;
  /** A connection was closed before anything was read of what it wants. */
  readonly onTurnedAway?: (reason: TurnedAway) => void;
  /** The thread keeps too much in memory, and the head of a request was too slow. */
  readonly onHeadDropped?: () => void;
}

/** No PROXY header where there has to be one; too many connections of one address; too many that wait. */
export type TurnedAway = 'header' | 'address' | 'port';

export interface Listener {
  readonly port: number;
  readonly counters: ListenerCounters;
  update(content: ListenerContent): void;
  /** Its unit was removed: answers 404 and closes for `graceMs`, then stops accepting. Exchanges under way go on. */
  retire(graceMs: number): Promise<void>;
  /** Shutdown: accepts for `graceMs`, then ends connections with their next answer; all are gone at `deadlineMs`. */
  drain(graceMs: number, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Of this thread. `open` includes `waiting`. */
export interface ListenerCounters {
  accepted: number;
  open: number;
  waiting: number;
  /** Closed before anything was read of what they want. */
  turnedAway: number;
}

const backlog = 4096;
/** A handshake is quicker than a head: nobody types it. */
const longestHandshakeMs = 10_000;

/** Rejects with the error of the system when the address cannot be bound. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const listener = new OpenListener(options);
  await listener.listen();
  return listener;
}

class OpenListener implements Listener, Swept, ArrivalOwner, TlsOwner {
  port = 0;
  readonly handshakeTimeout: number;
  readonly counters: ListenerCounters = { accepted: 0, open: 0, waiting: 0, turnedAway: 0 };
  private readonly options: ListenerOptions;
  private readonly server: Server;
  private context: ServerContext;
  private acceptor: TlsAcceptor | null = null;
  /** Raw sockets whose handshake is under way. */
  private readonly handshakes = new Map<Socket, Arrival>();
  /** What connections were told by; another one ends them with their next answer. */
  private policy: string;
  private ready: boolean;
  private readonly open = new Set<ServedConnection>();
  private readonly waiting = new Set<Arrival>();
  private maxConnections: number;
  private readonly relays: CidrSet;
  private readonly places: AddressPlaces;
  /** Bytes of its connections in the thread's budget. */
  private kept = 0;
  private onEmpty: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.options = options;
    const { content, limits } = options;
    this.handshakeTimeout = Math.min(longestHandshakeMs, limits.headerTimeout);
    this.maxConnections = content.maxConnections;
    this.policy = policyOf(content);
    this.ready = content.tls === undefined;
    this.relays = options.relays ?? CidrSet.empty;
    this.places = options.places ?? new AddressPlaces(0);
    this.context = this.contextFor(content);
    this.server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true });
    this.server.on('connection', (socket) => this.onConnection(socket));
  }

  listen(): Promise<void> {
    const { address, port } = this.options.content;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once('error', reject);
    this.server.listen({
      port,
      host: address === '' ? undefined : address,
      reusePort: this.options.reusePort,
      backlog,
    });
    this.server.once('listening', () => {
      this.server.off('error', reject);
      // accept() may fail for want of descriptors; the next connection is tried again by the loop.
      this.server.on('error', () => {});
      this.port = (this.server.address() as AddressInfo).port;
      watchClock(this);
      resolve();
    });
    return promise;
  }

  update(content: ListenerContent): void {
    const policy = policyOf(content);
    if (policy !== this.policy) {
      // What clients were promised or asked has changed: nobody stays under the former terms.
      this.policy = policy;
      this.context.closing = true;
      this.closeIdle();
      this.context = this.contextFor(content);
      this.acceptor = null;
    }
    this.context.keepAlive = content.keepAlive;
    this.context.keepAliveTimeout = content.keepAliveTimeout;
    this.maxConnections = content.maxConnections;
    if (content.tls !== undefined) this.secure(content.tls);
    this.ready = true;
    this.admitWaiting();
  }

  private secure(content: TlsContent): void {
    const { tls } = this.options;
    if (tls === undefined) throw new Error('the listener was opened without what TLS needs');
    this.acceptor ??= new TlsAcceptor(content, tls, this);
    this.acceptor.setDefault(content.defaultCertificate);
  }

  private contextFor(content: ListenerContent): ServerContext {
    const { handler, limits, onRefused = ignoreRefusal } = this.options;
    return {
      handler,
      scheme: content.protocol,
      limits,
      keepAlive: content.keepAlive,
      keepAliveTimeout: content.keepAliveTimeout,
      closing: false,
      onRefused,
      onClosed: (connection) => this.onClosed(connection),
    };
  }

  async retire(graceMs: number): Promise<void> {
    this.context.handler = answerNotFound;
    this.context.closing = true;
    this.closeIdle();
    await delay(graceMs);
    this.stopAccepting();
  }

  async drain(graceMs: number, deadlineMs: number): Promise<void> {
    const deadline = setTimeout(() => this.destroyAll(), deadlineMs);
    await delay(Math.min(graceMs, deadlineMs));
    this.context.closing = true;
    this.stopAccepting();
    this.closeIdle();
    await this.empty();
    clearTimeout(deadline);
  }

  async close(): Promise<void> {
    this.stopAccepting();
    this.destroyAll();
    await this.empty();
  }

  sweep(now: number): void {
    let bytes = 0;
    for (const connection of this.open) {
      connection.sweep(now);
      bytes += connection.buffered;
    }
    this.keep(bytes);
    if (overBudget()) this.dropHeads();
    // Places may have become free in other threads.
    if (this.ready && this.waiting.size > 0) this.admitWaiting();
  }

  onHttp1(arrival: Arrival, first: Buffer): void {
    this.open.delete(arrival);
    this.serveHttp1(arrival.socket).receive(first);
  }

  onHttp2(arrival: Arrival, first: Buffer): void {
    this.open.delete(arrival);
    this.serveHttp2(arrival.socket).receive(first);
  }

  onSecure(raw: Socket, socket: TLSSocket): void {
    const arrival = this.handshakes.get(raw);
    if (arrival === undefined) {
      socket.destroy();
      return;
    }
    this.handshakes.delete(raw);
    arrival.handedOver();
    this.open.delete(arrival);
    keepClient(socket, raw);
    if (socket.alpnProtocol === 'h2') this.serveHttp2(socket);
    else this.serveHttp1(socket);
  }

  private serveHttp1(socket: Socket): ServerConnection {
    const connection = new ServerConnection(socket, this.context);
    this.open.add(connection);
    return connection;
  }

  private serveHttp2(socket: Socket): Http2ServerConnection {
    const connection = new Http2ServerConnection(socket, this.context, this.options.http2);
    this.open.add(connection);
    return connection;
  }

  onClosed(connection: ServedConnection): void {
    this.counters.open--;
    if (this.waiting.delete(connection as Arrival)) {
      this.counters.waiting--;
    } else {
      this.open.delete(connection);
      if (connection instanceof Arrival) this.handshakes.delete(connection.socket);
      this.leavePlace();
      if (this.waiting.size > 0) this.admitWaiting();
    }
    if (this.counters.open === 0) this.onEmpty?.();
    this.stopClock();
  }

  private onConnection(socket: Socket): void {
    this.counters.accepted++;
    if (this.ready && this.takePlace()) {
      this.counters.open++;
      this.admit(new Arrival(socket, this));
    } else if (this.waiting.size < this.options.limits.maxWaiting) {
      this.counters.open++;
      this.counters.waiting++;
      this.waiting.add(new Arrival(socket, this));
    } else {
      this.turnAway('port');
      socket.destroy();
    }
  }

  private turnAway(reason: TurnedAway): void {
    this.counters.turnedAway++;
    this.options.onTurnedAway?.(reason);
  }

  private admit(arrival: Arrival): void {
    this.open.add(arrival);
    if (this.relays.size > 0 && this.relays.has(addressOf(arrival.socket))) {
      arrival.awaitRelayed(this.options.limits.headerTimeout);
    } else if (this.takeAddress(arrival.socket)) {
      this.begin(arrival, null);
    }
  }

  onRelayed(arrival: Arrival, relayed: Relayed | null, rest: Buffer): void {
    if (relayed !== null) tellClient(arrival.socket, relayed);
    // A balancer that asks for itself is not one client of many.
    if (relayed === null || this.takeAddress(arrival.socket)) this.begin(arrival, rest);
  }

  onUnrelayed(): void {
    this.turnAway('header');
  }

  /** Whether the client may have one more connection; if not, this one is closed. */
  private takeAddress(socket: Socket): boolean {
    const { places } = this;
    if (!places.limited) return true;
    const address = addressOf(socket);
    if (places.take(address)) {
      socket.once('close', () => places.leave(address));
      return true;
    }
    this.turnAway('address');
    socket.destroy();
    return false;
  }

  /** `rest` was read already, or null. */
  private begin(arrival: Arrival, rest: Buffer | null): void {
    const { acceptor } = this;
    if (acceptor === null) {
      arrival.admit(this.context.keepAliveTimeout);
      if (rest !== null && rest.length > 0) arrival.receive(rest);
      return;
    }
    arrival.secure(rest);
    this.handshakes.set(arrival.socket, arrival);
    acceptor.accept(arrival.socket);
  }

  private admitWaiting(): void {
    for (const arrival of this.waiting) {
      if (!this.takePlace()) return;
      this.waiting.delete(arrival);
      this.counters.waiting--;
      this.admit(arrival);
    }
  }

  private takePlace(): boolean {
    const { connections, share } = this.options;
    if (Atomics.add(connections, 0, 1) >= this.maxConnections) {
      Atomics.sub(connections, 0, 1);
      return false;
    }
    if (share !== undefined) Atomics.add(connections, share, 1);
    return true;
  }

  private leavePlace(): void {
    const { connections, share } = this.options;
    Atomics.sub(connections, 0, 1);
    if (share !== undefined) Atomics.sub(connections, share, 1);
  }

  private keep(bytes: number): void {
    memoryBudget.connections += bytes - this.kept;
    this.kept = bytes;
  }

  /** Heads that take their time go before any request has to; those of the oldest connections first. */
  private dropHeads(): void {
    for (const connection of this.open) {
      const freed = connection.dropHead();
      if (freed === 0) continue;
      this.keep(this.kept - freed);
      this.options.onHeadDropped?.();
      if (!overBudget()) return;
    }
  }

  private stopAccepting(): void {
    if (this.server.listening) this.server.close();
    for (const arrival of this.waiting) arrival.close();
    this.stopClock();
  }

  private stopClock(): void {
    if (this.counters.open > 0 || this.server.listening) return;
    unwatchClock(this);
    this.keep(0);
  }

  private closeIdle(): void {
    for (const connection of this.open) connection.close();
  }

  private destroyAll(): void {
    for (const arrival of this.waiting) arrival.destroy();
    for (const connection of this.open) connection.destroy();
  }

  private async empty(): Promise<void> {
    if (this.counters.open === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onEmpty = resolve;
    await promise;
  }
}

function delay(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}

/** A change of the certificates is none of these: they are swapped in place. */
function policyOf({ protocol, tls }: ListenerContent): string {
  return JSON.stringify([protocol, tls === undefined ? null : { ...tls, defaultCertificate: null }]);
}

function ignoreRefusal(): void {}

function answerNotFound(exchange: Exchange): void {
  exchange.respond({ status: 404, reason: '', headers: new HeaderList() }, null);
}
