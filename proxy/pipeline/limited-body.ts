// A body that may not be longer than so many bytes. What a sender declares is refused before anything is read; what
// turns out to be too long is cut where it crosses the limit: the source is cancelled and the receiver gets an
// error, so that no upstream takes the part for the whole. A declared length that fits needs no counting, because
// the protocol engines hold the sender to it.

import { ProxyError, type ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { Body, BodySink } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

/** `limit` < 0 = none. True when the body says itself that it is too long. */
export function declaredOver(body: Body | null, limit: number): boolean {
  return body !== null && limit >= 0 && body.length > limit;
}

/** True when only counting can tell. */
export function needsCounting(body: Body | null, limit: number): body is Body {
  return body !== null && limit >= 0 && body.length < 0;
}

export interface BodyLimit {
  readonly bytes: number;
  /** `PayloadTooLarge` for a request, `UpstreamTooLarge` for an answer. */
  readonly code: ProxyErrorCode;
  /** Told once, after the source was cancelled and before the receiver learns of it. */
  readonly exceeded?: (error: ProxyError) => void;
}

export class LimitedBody implements Body, BodySink {
  private readonly source: Body;
  private readonly limit: BodyLimit;
  private sink: BodySink | null = null;
  private received = 0;
  private done = false;

  constructor(source: Body, limit: BodyLimit) {
    this.source = source;
    this.limit = limit;
  }

  get length(): number {
    return this.source.length;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    if (this.limit.bytes >= 0 && this.source.length > this.limit.bytes) this.exceed();
    else this.source.start(this);
  }

  pause(): void {
    if (!this.done) this.source.pause();
  }

  resume(): void {
    if (!this.done) this.source.resume();
  }

  cancel(cause: ProxyError | null): void {
    if (this.done) return;
    this.done = true;
    this.source.cancel(cause);
  }

  chunk(data: Buffer): void {
    if (this.done) return;
    this.received += data.length;
    if (this.limit.bytes >= 0 && this.received > this.limit.bytes) this.exceed();
    else this.sink?.chunk(data);
  }

  end(trailers: HeaderList | null): void {
    if (this.done) return;
    this.done = true;
    this.sink?.end(trailers);
  }

  error(cause: ProxyError): void {
    if (this.done) return;
    this.done = true;
    this.sink?.error(cause);
  }

  private exceed(): void {
    this.done = true;
    const error = new ProxyError(this.limit.code, `body is larger than ${this.limit.bytes} bytes`);
    this.source.cancel(error);
    this.limit.exceeded?.(error);
    this.sink?.error(error);
  }
}
