// What the contract suite looks through: an exchange that remembers what happened to it, and a source without end.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink, Exchange, Outcome } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { Changes } from './exchange-contract.ts';

export const block: Buffer = Buffer.alloc(64 * 1024, 0x61);
/** More than the buffers of two kernels and one connection together ever hold here. */
export const tooMuch: number = 64 * 1024 * 1024;

/** An exchange as the handler got it, with what happened to it. */
export class Seen {
  readonly exchange: Exchange;
  readonly aborts: ProxyError[] = [];
  readonly outcomes: Outcome[] = [];
  readonly got: string[] = [];
  size = 0;
  trailers: HeaderList | null = null;
  readonly changes: Changes;

  constructor(exchange: Exchange, changes: Changes) {
    this.exchange = exchange;
    this.changes = changes;
    exchange.onAbort = (cause) => this.note(() => this.aborts.push(cause));
    exchange.onDone = (outcome) => this.note(() => this.outcomes.push(outcome));
  }

  /** Reads a body and writes down what comes: chunks as text while they are short. */
  read(body: Body | null): void {
    body?.start({
      chunk: (data) =>
        this.note(() => {
          this.size += data.length;
          if (data.length < 100) this.got.push(data.toString('latin1'));
        }),
      end: (trailers) =>
        this.note(() => {
          this.trailers = trailers;
          this.got.push('end');
        }),
      error: (cause) => this.note(() => this.got.push(`error ${cause.code}`)),
    });
  }

  private note(change: () => void): void {
    change();
    this.changes.notify();
  }
}

/** A source that makes blocks for as long as it is not held back. */
export class EndlessBody implements Body {
  readonly length = -1;
  sent = 0;
  pauses = 0;
  resumes = 0;
  cancelled: ProxyError | null | undefined;
  private sink: BodySink | null = null;
  private paused = false;
  private running = false;
  limit = tooMuch;
  readonly changes: Changes;

  constructor(changes: Changes) {
    this.changes = changes;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    this.pump();
  }

  pause(): void {
    this.paused = true;
    this.pauses++;
    this.changes.notify();
  }

  resume(): void {
    this.paused = false;
    this.resumes++;
    this.pump();
  }

  cancel(cause: ProxyError | null): void {
    this.cancelled = cause;
    this.changes.notify();
  }

  private pump(): void {
    if (this.running) return;
    this.running = true;
    while (!this.paused && this.cancelled === undefined && this.sent < this.limit) {
      this.sent += block.length;
      this.sink?.chunk(block);
    }
    this.running = false;
    if (this.sent < this.limit || this.sink === null) return;
    const { sink } = this;
    this.sink = null;
    sink.end(null);
  }
}
