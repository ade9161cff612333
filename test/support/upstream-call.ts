// Calls of an upstream (or of one connection in the client role) seen from a test: the whole answer as one value, and
// the parts of a request that most tests do not care about.

import { BufferBody } from '#proxy/exchange/body.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink, ResponseHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { Upstream, UpstreamCall, UpstreamCallbacks, UpstreamRequest } from '#proxy/upstream/upstream.ts';

export function makeRequest(change: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    target: '/',
    authority: 'a.test',
    scheme: 'http',
    headers: new HeaderList(),
    body: null,
    tunnel: null,
    ...change,
  };
}

export function textBody(text: string): Body {
  return new BufferBody(Buffer.from(text, 'latin1'));
}

/** A body whose bytes come when the test says so, and that shows what its reader asks for. */
export class PushBody implements Body {
  readonly length: number;
  paused = false;
  cancelled: ProxyError | null | undefined;
  sink: BodySink | null = null;
  private waiting: (() => void)[] = [];

  constructor(length = -1) {
    this.length = length;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    this.changed();
  }

  pause(): void {
    this.paused = true;
    this.changed();
  }

  resume(): void {
    this.paused = false;
    this.changed();
  }

  cancel(cause: ProxyError | null): void {
    this.cancelled ??= cause;
    this.changed();
  }

  push(text: string | Buffer): void {
    this.sink?.chunk(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  end(trailers: HeaderList | null = null): void {
    this.sink?.end(trailers);
  }

  fail(cause: ProxyError): void {
    this.sink?.error(cause);
  }

  async until(condition: (body: PushBody) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}

/** An answer as it comes in. Its body is read at once unless `read` is false. */
export class Answer implements UpstreamCallbacks, BodySink {
  responseHead: ResponseHead | null = null;
  source: Body | null = null;
  text = '';
  chunks: Buffer[] = [];
  trailers: HeaderList | null = null;
  failure: ProxyError | null = null;
  bodyError: ProxyError | null = null;
  ended = false;
  readonly interim: [status: number, headers: HeaderList][] = [];
  call: UpstreamCall | null = null;
  private readonly read: boolean;
  private waiting: (() => void)[] = [];

  constructor(read = true) {
    this.read = read;
  }

  get status(): number {
    return this.responseHead?.status ?? 0;
  }

  get headers(): HeaderList {
    return this.responseHead?.headers ?? new HeaderList();
  }

  inform(status: number, headers: HeaderList): void {
    this.interim.push([status, headers]);
    this.changed();
  }

  head(head: ResponseHead, body: Body | null): void {
    if (this.responseHead !== null || this.failure !== null) throw new Error('a second outcome');
    this.responseHead = head;
    this.source = body;
    if (body === null) this.ended = true;
    else if (this.read) body.start(this);
    this.changed();
  }

  error(cause: ProxyError): void {
    if (this.responseHead === null) {
      if (this.failure !== null) throw new Error('a second outcome');
      this.failure = cause;
    } else {
      if (this.over) throw new Error('a body that ends twice');
      this.bodyError = cause;
    }
    this.changed();
  }

  chunk(data: Buffer): void {
    if (this.over) throw new Error('a chunk after the end');
    this.chunks.push(data);
    this.text += data.toString('latin1');
    this.changed();
  }

  end(trailers: HeaderList | null): void {
    if (this.over) throw new Error('a body that ends twice');
    this.trailers = trailers;
    this.ended = true;
    this.changed();
  }

  get over(): boolean {
    return this.ended || this.failure !== null || this.bodyError !== null;
  }

  /** Resolves with itself when the answer is whole or has failed. */
  async finished(): Promise<this> {
    await this.until((answer) => answer.over);
    return this;
  }

  async until(condition: (answer: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}

/** Sends and waits for the whole answer. */
export function ask(upstream: Upstream, change: Partial<UpstreamRequest> = {}): Promise<Answer> {
  const answer = new Answer();
  answer.call = upstream.send(makeRequest(change), answer);
  return answer.finished();
}
