// One send() of an upstream: the choice of a target, a connection, at most one repetition on a fresh connection when
// a reused one turned out to be dead, and the time-out until the head. Whether the pipeline makes another attempt is
// not its business.
//
//   choose ─▶ idle connection ─▶ exchange ─▶ head ─▶ (body) ─▶ over
//     │            │ dead, nothing lost        ▲
//     └─▶ connect ─┴───────────────────────────┘      connect refused ─▶ next address of the target

import type { Body, ResponseHead } from '#proxy/exchange/exchange.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { ExchangeObserver } from '#proxy/http1/client-exchange.ts';
import type { Deadline, DeadlineQueue } from './deadlines.ts';
import { HeldBody } from './held-body.ts';
import type { ConnectionWaiter, OriginConnection, OriginExchange } from './pool.ts';
import type { Target } from './target.ts';
import type { UpstreamCall, UpstreamCallbacks, UpstreamRequest } from './upstream.ts';

/** What calls need of their upstream. */
export interface CallOwner {
  now(): number;
  /** Null = no time-out. */
  readonly deadlines: DeadlineQueue | null;
  /** How far answers have come is looked at so often; null = they may stand still for ever. */
  readonly stalls: DeadlineQueue | null;
  /** An answer's body stood still. */
  stalled(): void;
  /** Called once for every call, when nothing of it is left. */
  left(call: Call): void;
}

/** Addresses of one target that a call tries to connect to. */
const maxConnects = 4;
/** An answer that has not moved when it was looked at so many times has stalled. */
export const looksUntilStalled = 4;

export class Call implements UpstreamCall, ExchangeObserver, ConnectionWaiter, Deadline {
  due = 0;
  previous: Deadline | null = null;
  next: Deadline | null = null;
  endpoint = '';
  private readonly owner: CallOwner;
  private readonly target: Target;
  private readonly request: UpstreamRequest;
  private readonly callbacks: UpstreamCallbacks;
  private exchange: OriginExchange | null = null;
  private cancelConnect: (() => void) | null = null;
  private held: HeldBody | null = null;
  private address = 0;
  private tried = 0;
  private connects = 0;
  /** The connection in use had served before, and no fresh one was tried yet. */
  private reused = false;
  private sends = 0;
  private headSeen = false;
  private over = false;
  /** How far the answer was when it was looked at last, and how often it was there already. */
  private progress = 0;
  private looks = 0;

  constructor(owner: CallOwner, target: Target, request: UpstreamRequest, callbacks: UpstreamCallbacks) {
    this.owner = owner;
    this.target = target;
    this.request = request;
    this.callbacks = callbacks;
  }

  begin(): void {
    const { target, owner } = this;
    owner.deadlines?.add(this);
    this.address = target.pools.length === 1 ? 0 : target.next(0, owner.now());
    const pool = target.pools[this.address];
    const connection = pool?.take() ?? null;
    if (connection === null) {
      this.connect();
      return;
    }
    this.endpoint = pool?.endpoint ?? '';
    this.reused = true;
    this.use(connection);
  }

  cancel(cause: ProxyError): void {
    if (this.over) return;
    const { exchange } = this;
    if (this.headSeen) {
      exchange?.cancel(cause);
      return;
    }
    this.over = true;
    this.stop(cause);
    this.owner.left(this);
  }

  // ── the connection ──

  connected(connection: OriginConnection): void {
    this.cancelConnect = null;
    this.reused = false;
    this.use(connection);
  }

  connectFailed(error: ProxyError): void {
    const { target, owner } = this;
    this.cancelConnect = null;
    const now = owner.now();
    target.refused(this.address, now);
    this.tried |= 1 << this.address;
    const next = this.connects < maxConnects ? target.next(this.tried, now) : -1;
    if (next === -1) {
      this.fail(error);
      return;
    }
    this.address = next;
    this.connect();
  }

  // ── the exchange ──

  inform(status: number, headers: HeaderList): void {
    if (!this.over) this.callbacks.inform(status, headers);
  }

  head(head: ResponseHead, body: Body | null): void {
    this.headSeen = true;
    this.owner.deadlines?.remove(this);
    this.held?.settle(null);
    // A tunnel has the time-outs of its own.
    if (body !== null && head.status !== 101) this.owner.stalls?.add(this);
    this.callbacks.head(head, body);
  }

  failed(error: ProxyError): void {
    if (this.over) return;
    if (this.mayRepeat(error)) {
      this.exchange = null;
      this.connect();
    } else {
      this.fail(error);
    }
  }

  done(): void {
    if (this.over) return;
    this.over = true;
    this.owner.stalls?.remove(this);
    this.owner.left(this);
  }

  /** The time until the head is over; or the time to look how far the body has come. */
  expire(): void {
    if (this.headSeen) {
      this.look();
      return;
    }
    const error = new ProxyError('UpstreamTimeout', `no answer within ${this.owner.deadlines?.ms} ms`);
    this.over = true;
    this.stop(error);
    this.owner.left(this);
    this.callbacks.error(error);
  }

  /** Cheaper than a deadline that every chunk moves: a stall is noticed at most a quarter late. */
  private look(): void {
    const { exchange, owner } = this;
    const { stalls } = owner;
    if (exchange === null || stalls === null) return;
    const { progress } = exchange;
    if (progress !== this.progress || !exchange.awaited) this.looks = 0;
    this.progress = progress;
    if (this.looks++ < looksUntilStalled) {
      stalls.add(this);
      return;
    }
    owner.stalled();
    exchange.breakOff(new ProxyError('UpstreamTimeout', `no byte of the body for ${stalls.ms * looksUntilStalled} ms`));
  }

  private connect(): void {
    const pool = this.target.pools[this.address];
    if (pool === undefined) return;
    this.connects++;
    this.endpoint = pool.endpoint;
    this.cancelConnect = pool.connect(this);
  }

  private use(connection: OriginConnection): void {
    const { request } = this;
    let body = request.body;
    if (body !== null && (this.reused || this.held !== null)) body = this.held ??= new HeldBody(body);
    const send = ++this.sends;
    const exchange = connection.send(request, body, this.target, this);
    // It may have failed, and another have begun, before send() returned.
    if (send === this.sends && !this.over) this.exchange = exchange;
  }

  /** RFC 9110 9.2.2, RFC 9112 9.3.1: only when a reused connection was dead and nothing can have been acted upon. */
  private mayRepeat(error: ProxyError): boolean {
    if (!this.reused || error.retry === 'never') return false;
    if (error.retry === 'idempotent' && !idempotent.has(this.request.method)) return false;
    return this.held === null || this.held.replayable;
  }

  private fail(error: ProxyError): void {
    if (this.over) return;
    this.over = true;
    this.stop(error);
    this.owner.left(this);
    this.callbacks.error(error);
  }

  private stop(cause: ProxyError): void {
    this.owner.deadlines?.remove(this);
    this.exchange?.cancel(cause);
    this.cancelConnect?.();
    this.cancelConnect = null;
    this.held?.settle(cause);
  }
}

const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
