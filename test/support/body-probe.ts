// A body that a test pushes by hand, and that remembers what its owner did with it.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink } from '#proxy/exchange/exchange.ts';

export class BodyProbe implements Body {
  readonly length: number;
  sink: BodySink | null = null;
  cancels = 0;
  cancelCause: ProxyError | null = null;
  readonly calls: string[] = [];

  constructor(length = -1) {
    this.length = length;
  }

  start(sink: BodySink): void {
    this.calls.push('start');
    this.sink = sink;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  cancel(cause: ProxyError | null): void {
    this.cancels++;
    this.cancelCause = cause;
  }

  push(text: string): void {
    this.sink?.chunk(Buffer.from(text));
  }
}

/** A sink that writes down what it gets: chunks as text, `end`, `error Code`. */
export class SinkProbe implements BodySink {
  readonly got: string[] = [];

  chunk(data: Buffer): void {
    this.got.push(data.toString());
  }

  end(): void {
    this.got.push('end');
  }

  error(cause: ProxyError): void {
    this.got.push(`error ${cause.code}`);
  }
}
