// The body of a request, and likewise the bytes of a client after an upgrade. The connection pushes into it and asks
// `wanted` before it reads on; the body tells the connection when that changes.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

export interface BodySource {
  /** Somebody wants the body from now on (again). */
  onWanted(body: RequestBody): void;
  /** Nobody will want the rest. */
  onCancelled(body: RequestBody): void;
}

export class RequestBody implements Body {
  readonly length: number;
  /** Nothing is delivered any more: ended, broken or cancelled. */
  closed = false;
  private readonly source: BodySource;
  private sink: BodySink | null = null;
  private paused = false;
  private failure: ProxyError | null = null;

  constructor(source: BodySource, length: number) {
    this.source = source;
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
    else if (!this.closed && !this.paused) this.source.onWanted(this);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.wanted) this.source.onWanted(this);
  }

  cancel(): void {
    if (this.closed) return;
    this.closed = true;
    this.source.onCancelled(this);
  }

  /** Only while `wanted`. */
  deliver(chunk: Buffer): void {
    this.sink?.chunk(chunk);
  }

  finish(trailers: HeaderList | null): void {
    if (this.closed) return;
    this.closed = true;
    this.sink?.end(trailers);
  }

  fail(cause: ProxyError): void {
    if (this.closed) return;
    this.closed = true;
    if (this.sink === null) this.failure = cause;
    else this.sink.error(cause);
  }
}
