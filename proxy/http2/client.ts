// The client role of HTTP/2 on one connection to an origin: as many exchanges at a time as the origin allows. It opens
// nothing, retries nothing and knows no pool: whoever owns the connection attaches a connected socket and is told when
// requests may be sent, when one has ended, and when the connection takes no more or is gone.
//
//   attach ─▶ ready (their SETTINGS have come) ─▶ send(request)* ─▶ GOAWAY, drain(): takes no more ─▶ closed

import type { Socket } from 'node:net';
import type { Body, RequestHead, Scheme } from '#proxy/exchange/exchange.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Destination, ExchangeObserver } from '#proxy/http1/client-exchange.ts';
import { deadlineIn, unwatchClock, watchClock } from '#proxy/http1/clock.ts';
import { ClientStream } from './client-stream.ts';
import { Connection, type ConnectionRole } from './connection.ts';
import { codeName, errorCode, lastStreamId, preface, setting } from './frames.ts';
import { streamLimits } from './limits.ts';
import { settingsFrame } from './peer-settings.ts';

export interface Http2ClientOwner {
  /** Requests may be sent from now on. */
  ready(): void;
  /** An exchange has ended: there is room for another, if the connection is usable. */
  free(): void;
  /** It takes no further requests; what is under way goes on. */
  retired(): void;
  /** Called once; the socket is destroyed. `cause` is what to tell those who wait for it to be ready. */
  closed(cause: ProxyError): void;
}

/** Streams at a time, whatever an origin allows: one connection's windows serve no more. */
const maxStreams = 250;
const settingsTimeoutMs = 10_000;

export class Http2ClientConnection implements ConnectionRole {
  readonly server = false;
  readonly opening: Buffer = opening;
  /** Exchanges that ended. */
  served = 0;
  private readonly owner: Http2ClientOwner;
  private readonly scheme: Scheme;
  private connection: Connection | null = null;
  private known = false;
  private noMore = false;
  private settingsDeadline = 0;
  private cause: ProxyError = new ProxyError('UpstreamReset', 'closed before its SETTINGS', { retry: 'unsent' });

  constructor(owner: Http2ClientOwner, scheme: Scheme) {
    this.owner = owner;
    this.scheme = scheme;
  }

  attach(socket: Socket): void {
    watchClock(this);
    this.connection = new Connection(socket, this, streamLimits);
    this.settingsDeadline = deadlineIn(settingsTimeoutMs);
  }

  /** Requests under way. */
  get inUse(): number {
    return this.connection?.streams.size ?? 0;
  }

  /** A request may be sent now. */
  get usable(): boolean {
    const { connection } = this;
    if (connection === null || !this.known || this.noMore || connection.over || connection.socket.destroyed)
      return false;
    return connection.streams.size < Math.min(maxStreams, connection.peer.maxStreams);
  }

  /** Only while `usable`. */
  send(request: RequestHead, body: Body | null, to: Destination, observer: ExchangeObserver): ClientStream {
    const connection = this.connection as Connection;
    const id = connection.lastOwn === 0 ? 1 : connection.lastOwn + 2;
    connection.lastOwn = id;
    if (id + 2 > lastStreamId) this.retire();
    const asked = { request, body, to, observer };
    const stream = new ClientStream(connection, id, asked);
    connection.streams.set(id, stream);
    stream.begin(asked, this.scheme);
    return stream;
  }

  /** Takes no more, and ends with the last exchange. */
  drain(): void {
    this.retire();
    if (this.inUse === 0) this.connection?.end();
  }

  destroy(): void {
    this.connection?.destroy(new ProxyError('UpstreamReset', 'the connection was given up', { retry: 'idempotent' }));
  }

  sweep(now: number): void {
    this.connection?.sweep(now);
    if (this.settingsDeadline === 0 || now <= this.settingsDeadline) return;
    this.settingsDeadline = 0;
    this.cause = new ProxyError('ConnectTimeout', 'no SETTINGS of the origin', { retry: 'unsent' });
    this.connection?.fail(errorCode.settingsTimeout, 'no SETTINGS');
  }

  // ── the connection tells ──────────────────────────────────────────────────────────────────────────────────────

  open(): void {
    this.connection?.fail(errorCode.protocolError, 'a server opens no streams');
  }

  left(): void {
    this.served++;
    if (this.inUse === 0 && this.noMore) this.connection?.end();
    else if (!this.noMore) this.owner.free();
  }

  settled(): void {
    if (this.known) return;
    this.known = true;
    this.settingsDeadline = 0;
    this.owner.ready();
  }

  pinged(): void {}

  /** Streams above `last` were not looked at and may be sent again (RFC 9113 6.8). */
  goaway(last: number, code: number): void {
    const { connection } = this;
    if (connection === null) return;
    this.retire();
    const cause = new ProxyError('UpstreamReset', `GOAWAY ${codeName(code)}`, { retry: 'unsent' });
    for (const stream of connection.streams.values()) {
      if (stream.id <= last) continue;
      connection.remove(stream);
      stream.onGone(cause);
    }
    if (this.inUse === 0) connection.end();
  }

  flushed(): void {}

  failed(cause: ProxyError): void {
    if (!this.known) this.cause = cause;
    this.retire();
  }

  closed(): void {
    unwatchClock(this);
    this.retire();
    this.owner.closed(this.cause);
  }

  private retire(): void {
    if (this.noMore) return;
    this.noMore = true;
    this.owner.retired();
  }
}

const limits = streamLimits.http2;
const opening: Buffer = Buffer.concat([
  preface,
  settingsFrame([
    [setting.enablePush, 0],
    [setting.maxConcurrentStreams, 0],
    [setting.initialWindowSize, limits.streamWindow],
    [setting.maxHeaderListSize, streamLimits.maxHeaderBytes],
    [setting.noRfc7540Priorities, 1],
  ]),
]);
