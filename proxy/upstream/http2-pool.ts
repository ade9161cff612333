// Connections to one endpoint that speaks HTTP/2, in cleartext or over TLS. Each takes as many requests at a time as the
// origin allows; another is opened when all are full, so that the pool grows by streams in use. The oldest with room is
// taken first, so that superfluous ones become idle and age. A connection that has been told GOAWAY leaves the pool and
// ends with its last stream.

import { ProxyError } from '#proxy/exchange/error.ts';
import { Http2ClientConnection, type Http2ClientOwner } from '#proxy/http2/client.ts';
import { connect, type ConnectKit, type ConnectTarget } from './connect.ts';
import type { Deadline } from './deadlines.ts';
import { type ConnectionWaiter, endpointOf, type IdleBudget, type OriginConnection, type Pool } from './pool.ts';

/** Calls that wait for one connection to be made before another is begun. */
const waitersPerAttempt = 100;

/** A call that waits for a connection. */
interface Ticket {
  readonly waiter: ConnectionWaiter;
  given: boolean;
}

export class Http2Pool implements Pool {
  readonly target: ConnectTarget;
  readonly endpoint: string;
  open = 0;
  idleCount = 0;
  private kit: ConnectKit;
  budget: IdleBudget;
  private closing = false;
  private readonly usable: PooledHttp2[] = [];
  /** Being connected, or waiting for the origin's SETTINGS. */
  private readonly attempts: PooledHttp2[] = [];

  constructor(target: ConnectTarget, kit: ConnectKit, budget: IdleBudget) {
    this.target = target;
    this.endpoint = endpointOf(target);
    this.kit = kit;
    this.budget = budget;
  }

  take(): OriginConnection | null {
    for (const pooled of this.usable) {
      if (!pooled.connection.usable) continue;
      pooled.leaveIdle();
      return pooled.connection;
    }
    return null;
  }

  connect(waiter: ConnectionWaiter): () => void {
    const ticket = { waiter, given: false };
    this.queue(ticket);
    return () => {
      ticket.given = true;
    };
  }

  move(kit: ConnectKit, budget: IdleBudget): void {
    this.kit = kit;
    for (const pooled of this.usable) pooled.leaveIdle();
    this.closing = false;
    this.budget = budget;
    for (const pooled of this.usable.slice()) pooled.restWhenUnused();
  }

  drain(): void {
    this.closing = true;
    for (const pooled of this.usable.slice()) pooled.connection.drain();
  }

  /** Whether another idle connection may be kept. */
  get hasRoom(): boolean {
    return !this.closing && this.idleCount < this.budget.maxPerEndpoint && this.budget.maxTotal > 0;
  }

  ready(pooled: PooledHttp2): void {
    remove(this.attempts, pooled);
    this.usable.push(pooled);
    const tickets = pooled.takeTickets();
    let served = 0;
    for (const ticket of tickets) {
      if (ticket.given) continue;
      if (pooled.connection.usable) {
        served++;
        ticket.given = true;
        ticket.waiter.connected(pooled.connection);
      } else if (served > 0) {
        this.queue(ticket);
      } else {
        ticket.given = true;
        ticket.waiter.connectFailed(
          new ProxyError('PoolExhausted', 'the origin allows no streams', { retry: 'unsent' }),
        );
      }
    }
    pooled.restWhenUnused();
  }

  leave(pooled: PooledHttp2): void {
    pooled.leaveIdle();
    remove(this.usable, pooled);
  }

  closed(pooled: PooledHttp2, cause: ProxyError): void {
    remove(this.attempts, pooled);
    this.leave(pooled);
    for (const ticket of pooled.takeTickets()) {
      if (ticket.given) continue;
      ticket.given = true;
      ticket.waiter.connectFailed(cause);
    }
  }

  private queue(ticket: Ticket): void {
    const last = this.attempts.at(-1);
    if (last !== undefined && last.tickets.length < waitersPerAttempt) {
      last.tickets.push(ticket);
      return;
    }
    const pooled = new PooledHttp2(this);
    pooled.tickets.push(ticket);
    this.attempts.push(pooled);
    connect(this.target, null, this.kit, {
      connected: (socket) => {
        this.open++;
        pooled.counted = true;
        pooled.connection.attach(socket);
      },
      failed: (error) => this.closed(pooled, error),
    });
  }
}

/** A connection's place in its pool. */
class PooledHttp2 implements Http2ClientOwner, Deadline {
  due = 0;
  previous: Deadline | null = null;
  next: Deadline | null = null;
  readonly connection: Http2ClientConnection;
  tickets: Ticket[] = [];
  /** It is among the open connections of its pool. */
  counted = false;
  private idle = false;
  private readonly pool: Http2Pool;

  constructor(pool: Http2Pool) {
    this.pool = pool;
    this.connection = new Http2ClientConnection(this, pool.target.tls === null ? 'http' : 'https');
  }

  takeTickets(): Ticket[] {
    const { tickets } = this;
    this.tickets = [];
    return tickets;
  }

  ready(): void {
    this.pool.ready(this);
  }

  free(): void {
    this.restWhenUnused();
  }

  retired(): void {
    this.pool.leave(this);
  }

  closed(cause: ProxyError): void {
    if (this.counted) this.pool.open--;
    this.counted = false;
    this.pool.closed(this, cause);
  }

  /** Idle for too long, or the oldest when there are too many. */
  expire(): void {
    this.connection.drain();
  }

  restWhenUnused(): void {
    const { pool, connection } = this;
    if (this.idle || connection.inUse > 0) return;
    if (!pool.hasRoom) {
      connection.drain();
      return;
    }
    const { budget } = pool;
    this.idle = true;
    pool.idleCount++;
    budget.total++;
    budget.queue.add(this);
    // The oldest of all pools makes room.
    if (budget.total > budget.maxTotal) budget.queue.oldest?.expire();
  }

  leaveIdle(): void {
    if (!this.idle) return;
    this.idle = false;
    this.pool.idleCount--;
    this.pool.budget.total--;
    this.pool.budget.queue.remove(this);
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}
