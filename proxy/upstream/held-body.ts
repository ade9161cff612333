// A request body that may have to be sent twice: the first time went to a connection that was already dead. It keeps
// what has passed, up to 64 KiB, until the answer's head is there; longer bodies are not repeated. Only used on
// connections that have served before, because only those can be dead on arrival.

import type { Body, BodySink } from '#proxy/exchange/exchange.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

const maxHeld = 64 * 1024;

export class HeldBody implements Body, BodySink {
  readonly length: number;
  private readonly source: Body;
  private sink: BodySink | null = null;
  /** Null = nothing is held any more, the body cannot start again. */
  private held: Buffer[] | null = [];
  private size = 0;
  private started = false;
  private ended = false;
  private trailers: HeaderList | null = null;

  constructor(source: Body) {
    this.source = source;
    this.length = source.length;
  }

  get replayable(): boolean {
    return this.held !== null;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    if (!this.started) {
      this.started = true;
      this.source.start(this);
      return;
    }
    for (const data of this.held ?? []) if (this.sink === sink) sink.chunk(data);
    if (this.sink !== sink) return;
    if (this.ended) sink.end(this.trailers);
    else this.source.resume();
  }

  pause(): void {
    if (!this.ended) this.source.pause();
  }

  resume(): void {
    if (!this.ended) this.source.resume();
  }

  /** While it could start again only the sink leaves; the source waits for settle(). */
  cancel(cause: ProxyError | null): void {
    this.sink = null;
    if (this.held === null) this.source.cancel(cause);
    else this.pause();
  }

  /** There will be no second start. */
  settle(cause: ProxyError | null): void {
    this.held = null;
    if (this.sink === null && this.started && !this.ended) this.source.cancel(cause);
  }

  // ── sink of the source ──

  chunk(data: Buffer): void {
    this.size += data.length;
    if (this.size > maxHeld) {
      this.held = null;
      if (this.sink === null) this.source.cancel(null);
    }
    this.held?.push(data);
    this.sink?.chunk(data);
  }

  end(trailers: HeaderList | null): void {
    this.ended = true;
    this.trailers = trailers;
    this.sink?.end(trailers);
  }

  error(cause: ProxyError): void {
    this.held = null;
    this.ended = true;
    this.sink?.error(cause);
  }
}
