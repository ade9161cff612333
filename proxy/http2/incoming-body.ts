// The body that comes in on a stream: of a request in the server role, of an answer in the client role. Bytes that
// nobody wants yet are held, at most as many as the stream's window allows, and what has been handed on goes back to
// that window. Content-Length is held against what comes (RFC 9113 8.1.1) by the stream.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

const smallPiece = 1024;
const tailBytes = 4096;

export interface IncomingOwner {
  /** Somebody wants the body from now on (again). */
  onWanted(): void;
  /** Nobody will want the rest. */
  onCancelled(cause: ProxyError | null): void;
  /** The peer may send so many bytes more. */
  consumed(bytes: number): void;
}

export class IncomingBody implements Body {
  readonly length: number;
  /** Nothing is delivered any more: ended, broken or cancelled. */
  closed = false;
  private readonly owner: IncomingOwner;
  private sink: BodySink | null = null;
  private paused = false;
  private held: Buffer[] | null = null;
  /** Memory behind the last of `held`, when small pieces are copied into it. */
  private tail: Buffer | null = null;
  private tailUsed = 0;
  private whole = false;
  private trailers: HeaderList | null = null;
  private failure: ProxyError | null = null;
  private delivering = false;

  constructor(owner: IncomingOwner, length: number) {
    this.owner = owner;
    this.length = length;
  }

  get started(): boolean {
    return this.sink !== null;
  }

  get wanted(): boolean {
    return this.sink !== null && !this.paused && !this.closed;
  }

  start(sink: BodySink): void {
    if (this.sink !== null) throw new Error('a body is started once');
    this.sink = sink;
    if (this.failure !== null) sink.error(this.failure);
    else if (this.wanted) this.goOn();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.wanted) this.goOn();
  }

  cancel(cause: ProxyError | null): void {
    if (this.closed) return;
    this.closed = true;
    this.discardHeld();
    this.owner.onCancelled(cause);
  }

  /** Bytes of the peer. */
  push(data: Buffer): void {
    if (this.closed) {
      this.owner.consumed(data.length);
    } else if (this.held === null && !this.paused && this.sink !== null) {
      this.sink.chunk(data);
      this.owner.consumed(data.length);
    } else {
      this.hold(data);
    }
  }

  finish(trailers: HeaderList | null): void {
    if (this.closed) return;
    this.whole = true;
    this.trailers = trailers;
    if (this.wanted && this.held === null) this.end();
  }

  /** At once, whatever is still held. */
  fail(cause: ProxyError): void {
    if (this.closed) return;
    this.closed = true;
    this.discardHeld();
    if (this.sink === null) this.failure = cause;
    else this.sink.error(cause);
  }

  /** Nobody has started it and nobody may from now on. */
  leave(): void {
    this.closed = true;
    this.discardHeld();
  }

  private goOn(): void {
    if (this.delivering) return;
    this.delivering = true;
    while (this.held !== null && this.wanted) {
      const data = this.held.shift() as Buffer;
      if (this.held.length === 0) this.dropHeld();
      this.sink?.chunk(data);
      this.owner.consumed(data.length);
    }
    this.delivering = false;
    if (!this.wanted) return;
    if (this.whole) this.end();
    else this.owner.onWanted();
  }

  private end(): void {
    this.closed = true;
    this.sink?.end(this.trailers);
  }

  private discardHeld(): void {
    const { held } = this;
    this.dropHeld();
    if (held !== null) for (const data of held) this.owner.consumed(data.length);
  }

  private dropHeld(): void {
    this.held = null;
    this.tail = null;
    this.tailUsed = 0;
  }

  /** Small pieces are copied together, so that thousands of them do not hold thousands of reads. */
  private hold(data: Buffer): void {
    this.held ??= [];
    const { held, tail } = this;
    if (data.length >= smallPiece) {
      this.tail = null;
      held.push(data);
      return;
    }
    if (tail !== null && tail.length - this.tailUsed >= data.length) {
      data.copy(tail, this.tailUsed);
      this.tailUsed += data.length;
      held[held.length - 1] = tail.subarray(0, this.tailUsed);
      return;
    }
    this.tail = Buffer.allocUnsafe(tailBytes);
    this.tailUsed = data.copy(this.tail);
    held.push(this.tail.subarray(0, this.tailUsed));
  }
}
