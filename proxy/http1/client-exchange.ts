// One request and its answer on a connection in the client role. It is the sink of the request's body and at the same
// time the answer's body, so that an exchange costs one object. The connection reads and frames; what the answer means
// for the request that is still going, and who hears of what, is decided here.

import type { Body, BodySink, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import { noBody, requestHead, trailerSection } from './client-head.ts';
import { freeSlab, type Slab } from './read-memory.ts';
import type { WriteBatch } from './write-batch.ts';

export interface OutgoingRequest extends RequestHead {
  /** Present when the request may ask for an upgrade. */
  readonly tunnel: Body | null;
}

/** What the chosen target says about requests to it. */
export interface Destination {
  /** Text put before the request's target; `` for none. */
  readonly pathPrefix: string;
  /** What Host says; null = what the client said. */
  readonly host: string | null;
  /** What Host says when the client said nothing. */
  readonly ownHost: string;
  /** Bytes that an answer's body may have; negative = any. */
  readonly maxBody: number;
}

export interface ExchangeObserver {
  /** Interim answers but 100 and 101. */
  inform(status: number, headers: HeaderList): void;
  head(head: ResponseHead, body: Body | null): void;
  /** Instead of head(). */
  failed(error: ProxyError): void;
  /** Once after head(), when nothing of the exchange is left: with what cut it short, or null. */
  done(error: ProxyError | null): void;
}

/** What an exchange needs of its connection. */
export interface ExchangeConnection {
  readonly writer: WriteBatch | null;
  resume(): void;
  /** Reads on as far as bytes have come, then calls abandon() unless the answer was whole. */
  skipRest(): void;
  halfClose(): void;
  destroy(): void;
}

export class ClientExchange implements Body, BodySink {
  readonly request: OutgoingRequest;
  maxBody = -1;
  readonly observer: ExchangeObserver;
  /** Declared length of the answer's body. */
  length = -1;
  /** Bytes of the answer's body so far. */
  received = 0;
  headSeen = false;
  /** At least a byte was handed to the kernel. */
  sent = false;
  /** The request was queued whole. */
  requestDone: boolean;
  readonly upgrade: boolean;
  private readonly connection: ExchangeConnection;
  private readonly body: Body | null;
  private readonly requestLength: number;
  private requestSent = 0;
  private requestPaused = false;
  /** Nobody wants the answer; what has come already is read to its end, if it is there, to keep the connection. */
  skipping = false;
  private inTunnel = false;
  private requestStopped = false;
  private sink: BodySink | null = null;
  private paused = false;
  private over = false;
  private clientEnded = false;
  /** Memory that chunks were lent from and that has not come back. */
  private slabs = noSlabs;
  private originEnded = false;

  constructor(connection: ExchangeConnection, request: OutgoingRequest, body: Body | null, observer: ExchangeObserver) {
    this.connection = connection;
    this.request = request;
    this.body = body;
    this.observer = observer;
    this.requestDone = body === null;
    this.requestLength = body === null ? noBody : body.length;
    this.upgrade = request.tunnel !== null && request.headers.has('upgrade');
  }

  begin(destination: Destination): void {
    const { request } = this;
    this.maxBody = destination.maxBody;
    const host = destination.host ?? request.authority;
    const text = requestHead(request, {
      pathPrefix: destination.pathPrefix,
      host: host === '' ? destination.ownHost : host,
      bodyLength: this.requestLength,
      upgrade: this.upgrade,
    });
    if (text === null) {
      this.fail(new ProxyError('Internal', 'the request cannot be written as HTTP/1.1'));
      return;
    }
    this.connection.writer?.add(text);
    this.body?.start(this);
  }

  // ── sink of the request body ──

  chunk(data: Buffer): void {
    const { writer } = this.connection;
    if (this.over || this.requestDone || this.requestStopped || writer === null) return;
    this.requestSent += data.length;
    if (this.requestLength === -1) {
      writer.add(`${data.length.toString(16)}\r\n`);
      writer.add(data);
      writer.add('\r\n');
    } else if (this.requestSent > this.requestLength) {
      this.fail(new ProxyError('Internal', 'the body is longer than its declared length'));
      return;
    } else {
      writer.add(data);
    }
    if (writer.full) {
      this.requestPaused = true;
      this.body?.pause();
    }
  }

  end(trailers: HeaderList | null): void {
    if (this.over || this.requestDone || this.requestStopped) return;
    if (this.requestLength === -1) {
      this.connection.writer?.add(trailerSection(trailers));
    } else if (this.requestSent < this.requestLength) {
      this.fail(new ProxyError('Internal', 'the body is shorter than its declared length'));
      return;
    }
    this.requestDone = true;
  }

  /** The request broke off: the origin must not take what it has for the whole (RFC 9112 8). */
  error(cause: ProxyError): void {
    if (this.requestDone || this.requestStopped) return;
    this.requestStopped = true;
    this.fail(cause);
  }

  writable(): void {
    if (!this.requestPaused) return;
    this.requestPaused = false;
    if (this.clientEnded || this.over) return;
    if (this.inTunnel) this.request.tunnel?.resume();
    else this.body?.resume();
  }

  // ── body of the answer ──

  start(sink: BodySink): void {
    this.sink = sink;
    if (this.over) return;
    if (!this.paused) this.connection.resume();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (!this.over && this.sink !== null) this.connection.resume();
  }

  cancel(cause: ProxyError | null): void {
    if (this.over || this.skipping) return;
    if (cause === null && this.headSeen && this.requestDone && !this.inTunnel) {
      this.skipping = true;
      this.paused = false;
      this.sink = discard;
      this.connection.skipRest();
      return;
    }
    this.abandon(cause);
  }

  abandon(cause: ProxyError | null): void {
    this.over = true;
    this.stopRequest(cause);
    this.connection.destroy();
    if (this.headSeen) this.observer.done(cause);
  }

  /** The receiver has written the chunk and refers to it no more. */
  recycle(data: Buffer): void {
    const { slabs } = this;
    for (let i = 0; i < slabs.length; i++) {
      const slab = slabs[i] as Slab;
      if (slab.memory.buffer !== data.buffer) continue;
      if (--slab.lent > 0) return;
      slabs.splice(i, 1);
      if (!slab.busy) freeSlab(slab);
      return;
    }
  }

  // ── from the connection ──

  /** A chunk of it is about to be delivered. */
  lend(slab: Slab): void {
    if (slab.lent++ > 0) return;
    if (this.slabs === noSlabs) this.slabs = [];
    this.slabs.push(slab);
  }

  get started(): boolean {
    return this.sink !== null;
  }

  get progress(): number {
    return this.received + this.requestSent;
  }

  get awaited(): boolean {
    return this.headSeen && !this.holding && !this.over;
  }

  breakOff(cause: ProxyError): void {
    this.fail(cause);
  }

  /** The answer's bytes may not be read yet. */
  get holding(): boolean {
    return this.headSeen && (this.sink === null || this.paused);
  }

  /** `closing`: the origin does not want the rest of the request (RFC 9112 9.5). */
  answer(head: ResponseHead, length: number, closing: boolean): void {
    this.headSeen = true;
    this.length = length;
    if (closing) this.stopRequest(null);
    this.observer.head(head, this);
  }

  answerEmpty(head: ResponseHead): void {
    this.headSeen = true;
    this.over = true;
    this.observer.head(head, null);
    this.observer.done(null);
  }

  deliver(data: Buffer): void {
    this.received += data.length;
    const { maxBody } = this;
    if (maxBody >= 0 && this.received > maxBody && !this.inTunnel) {
      this.fail(new ProxyError('UpstreamTooLarge', `body is over ${maxBody} bytes`));
      return;
    }
    this.sink?.chunk(data);
  }

  endBody(trailers: HeaderList | null): void {
    this.over = true;
    this.sink?.end(trailers);
    this.observer.done(null);
  }

  /** The answer is whole; what is left of the request has no reader any more. */
  leave(): void {
    this.stopRequest(null);
  }

  fail(error: ProxyError): void {
    if (this.over) return;
    this.over = true;
    this.stopRequest(error);
    this.connection.destroy();
    if (!this.headSeen) {
      this.observer.failed(error);
      return;
    }
    if (!this.originEnded) this.sink?.error(error);
    this.observer.done(error);
  }

  /** The connection went away before a byte of the answer. */
  lost(text: string): ProxyError {
    return new ProxyError('UpstreamReset', text, { retry: this.sent ? 'idempotent' : 'unsent' });
  }

  // ── tunnel after 101 ──

  enterTunnel(head: ResponseHead): void {
    this.headSeen = true;
    this.inTunnel = true;
    this.stopRequest(null);
    this.observer.head(head, this);
    if (!this.over) this.request.tunnel?.start(new TunnelSink(this));
  }

  endTunnel(): void {
    this.originEnded = true;
    this.sink?.end(null);
    this.closeTunnelIfDone();
  }

  tunnelChunk(data: Buffer): void {
    const { writer } = this.connection;
    if (this.over || writer === null) return;
    writer.add(data);
    if (writer.full) {
      this.requestPaused = true;
      this.request.tunnel?.pause();
    }
  }

  tunnelEnd(): void {
    this.clientEnded = true;
    if (this.over) return;
    this.connection.halfClose();
    this.closeTunnelIfDone();
  }

  private closeTunnelIfDone(): void {
    if (!this.originEnded || !this.clientEnded || this.over) return;
    this.over = true;
    this.connection.destroy();
    this.observer.done(null);
  }

  private stopRequest(cause: ProxyError | null): void {
    if (!this.requestDone && !this.requestStopped) {
      this.requestStopped = true;
      this.body?.cancel(cause);
    }
    if (this.inTunnel && this.over && !this.clientEnded) {
      this.clientEnded = true;
      this.request.tunnel?.cancel(cause);
    }
  }
}

/** Bytes of the client after an accepted upgrade. */
class TunnelSink implements BodySink {
  private readonly exchange: ClientExchange;

  constructor(exchange: ClientExchange) {
    this.exchange = exchange;
  }

  chunk(data: Buffer): void {
    this.exchange.tunnelChunk(data);
  }

  end(): void {
    this.exchange.tunnelEnd();
  }

  error(cause: ProxyError): void {
    this.exchange.fail(cause);
  }
}

const noSlabs: Slab[] = [];

const discard: BodySink = { chunk() {}, end() {}, error() {} };
