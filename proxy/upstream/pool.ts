// Connections to one endpoint with one protocol. Idle ones are taken last in, first out, so that warm ones work and
// superfluous ones age; each is closed after 90 s of idleness, or when there are more than the limits allow. A pool
// does not balance, retry or count requests: a call takes a connection, or has one opened, and uses it.

import type { Socket } from 'node:net';
import { ClientConnection, type ConnectionOwner } from '#proxy/http1/client.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body } from '#proxy/exchange/exchange.ts';
import type { Destination, ExchangeObserver, OutgoingRequest } from '#proxy/http1/client-exchange.ts';
import { connect, type ConnectKit, type ConnectTarget } from './connect.ts';
import type { Deadline, DeadlineQueue } from './deadlines.ts';

export const idleTimeoutMs = 90_000;

/** Bounds on idle connections that all pools of an upstream share. */
export class IdleBudget {
  readonly maxTotal: number;
  readonly maxPerEndpoint: number;
  /** Idle connections in order of age. */
  readonly queue: DeadlineQueue;
  total = 0;

  constructor(maxTotal: number, maxPerEndpoint: number, queue: DeadlineQueue) {
    this.maxTotal = maxTotal;
    this.maxPerEndpoint = maxPerEndpoint;
    this.queue = queue;
  }
}

/** A connection that a call may send its request on, whatever it speaks. */
export interface OriginConnection {
  send(request: OutgoingRequest, body: Body | null, to: Destination, observer: ExchangeObserver): OriginExchange;
}

export interface OriginExchange {
  /** Bytes of both bodies so far. */
  readonly progress: number;
  /** The answer's next bytes are the origin's to send: nobody on our side holds them up. */
  readonly awaited: boolean;
  cancel(cause: ProxyError | null): void;
  /** Ends it, and tells the receiver of the answer's body. */
  breakOff(cause: ProxyError): void;
}

export interface ConnectionWaiter {
  connected(connection: OriginConnection): void;
  connectFailed(error: ProxyError): void;
}

export interface Pool {
  /** `host:port` for log and metrics. */
  readonly endpoint: string;
  /** Connected, idle or in use. */
  readonly open: number;
  readonly idleCount: number;
  /** A connection that takes a request, or null. */
  take(): OriginConnection | null;
  /** Has one opened for `waiter`; the returned function gives up. */
  connect(waiter: ConnectionWaiter): () => void;
  /** Another upstream, and its limits, owns the pool from here on. */
  move(kit: ConnectKit, budget: IdleBudget): void;
  /** Closes what is idle; what is in use closes when it is done. */
  drain(): void;
}

export class EndpointPool implements Pool {
  readonly target: ConnectTarget;
  /** `host:port` for log and metrics. */
  readonly endpoint: string;
  /** Connected, idle or in use. */
  open = 0;
  private kit: ConnectKit;
  private budget: IdleBudget;
  private readonly idle: PooledConnection[] = [];
  private closing = false;

  constructor(target: ConnectTarget, kit: ConnectKit, budget: IdleBudget) {
    this.target = target;
    this.endpoint = endpointOf(target);
    this.kit = kit;
    this.budget = budget;
  }

  get idleCount(): number {
    return this.idle.length;
  }

  /** A connection that waits for work, or null. */
  take(): ClientConnection | null {
    for (let pooled = this.idle.pop(); pooled !== undefined; pooled = this.idle.pop()) {
      this.leaveIdle(pooled);
      if (pooled.connection.usable) return pooled.connection;
      pooled.connection.destroy();
    }
    return null;
  }

  /** Opens a connection for `waiter`; the returned function gives up. */
  connect(waiter: ConnectionWaiter): () => void {
    const pooled = new PooledConnection(this);
    const { connection } = pooled;
    return connect(this.target, connection.onread, this.kit, {
      connected: (socket: Socket) => {
        this.open++;
        connection.attach(socket);
        waiter.connected(connection);
      },
      failed: (error) => waiter.connectFailed(error),
    });
  }

  /** Another upstream, and its limits, owns the pool from here on. */
  move(kit: ConnectKit, budget: IdleBudget): void {
    this.kit = kit;
    const moved = this.idle.splice(0);
    for (const pooled of moved) this.leaveIdle(pooled);
    this.closing = false;
    this.budget = budget;
    for (const pooled of moved) this.put(pooled);
  }

  /** Closes what is idle; what is in use closes when it is done. */
  drain(): void {
    this.closing = true;
    for (const pooled of this.idle.slice()) pooled.connection.destroy();
  }

  put(pooled: PooledConnection): void {
    const { budget } = this;
    if (this.closing || this.idle.length >= budget.maxPerEndpoint || budget.maxTotal === 0) {
      pooled.connection.destroy();
      return;
    }
    pooled.waiting = true;
    this.idle.push(pooled);
    budget.total++;
    budget.queue.add(pooled);
    // The oldest of all pools makes room.
    if (budget.total > budget.maxTotal) budget.queue.oldest?.expire();
  }

  closed(pooled: PooledConnection): void {
    this.open--;
    if (!pooled.waiting) return;
    this.idle.splice(this.idle.lastIndexOf(pooled), 1);
    this.leaveIdle(pooled);
  }

  private leaveIdle(pooled: PooledConnection): void {
    pooled.waiting = false;
    this.budget.total--;
    this.budget.queue.remove(pooled);
  }
}

export function endpointOf({ address, port }: ConnectTarget): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** A connection's place in its pool. */
class PooledConnection implements ConnectionOwner, Deadline {
  due = 0;
  previous: Deadline | null = null;
  next: Deadline | null = null;
  waiting = false;
  readonly connection: ClientConnection;
  private readonly pool: EndpointPool;

  constructor(pool: EndpointPool) {
    this.pool = pool;
    this.connection = new ClientConnection(this);
  }

  free(): void {
    this.pool.put(this);
  }

  closed(): void {
    this.pool.closed(this);
  }

  /** Idle for too long, or the oldest when there are too many. */
  expire(): void {
    this.connection.destroy();
  }
}
