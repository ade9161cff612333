// An exchange without a wire: request and answer meet in memory. It is one of the adapters that the contract suite
// holds to the rules of exchange.ts, and the way to try a pipeline or a handler alone.
//
//   const client = requestInMemory(handler, { target: '/a' });
//   client.status, client.text

import { ProxyError } from './error.ts';
import type {
  Body,
  BodySink,
  Exchange,
  ExchangeHandler,
  Outcome,
  Peer,
  RequestHead,
  ResponseHead,
} from './exchange.ts';
import { HeaderList } from './headers.ts';

export interface MemoryRequest extends Partial<RequestHead> {
  /** A stream that the client sends with send() and finish(); undefined = no body. */
  readonly bodyLength?: number;
  /** Asks for an upgrade; after 101 send() and finish() feed the tunnel. */
  readonly upgrade?: boolean;
  readonly version?: string;
  readonly peer?: Peer;
}

/** Calls the handler before it returns. */
export function requestInMemory(handler: ExchangeHandler, request: MemoryRequest = {}): MemoryClient {
  const client = new MemoryClient(request);
  handler(client.exchange);
  return client;
}

/** A body that somebody pushes into; what comes before it is wanted is kept, in order. */
export class PushBody implements Body {
  readonly length: number;
  /** Called when the body is wanted (again), so that its sender goes on. */
  onWanted: (() => void) | null = null;
  onCancel: ((cause: ProxyError | null) => void) | null = null;
  private sink: BodySink | null = null;
  private paused = false;
  private closed = false;
  private readonly queue: (() => void)[] = [];

  constructor(length = -1) {
    this.length = length;
  }

  /** Whether a chunk pushed now is taken at once. */
  get wanted(): boolean {
    return this.sink !== null && !this.paused && !this.closed;
  }

  start(sink: BodySink): void {
    if (this.sink !== null) throw new Error('a body is started once');
    this.sink = sink;
    this.flush();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.flush();
  }

  cancel(cause: ProxyError | null): void {
    if (this.closed) return;
    this.closed = true;
    this.queue.length = 0;
    this.onCancel?.(cause);
  }

  push(data: Buffer): void {
    this.add(() => this.sink?.chunk(data));
  }

  end(trailers: HeaderList | null = null): void {
    this.add(() => {
      this.closed = true;
      this.sink?.end(trailers);
    });
  }

  /** At once, whatever is still waiting. */
  fail(cause: ProxyError): void {
    if (this.closed) return;
    this.queue.length = 0;
    this.queue.push(() => {
      this.closed = true;
      this.sink?.error(cause);
    });
    if (this.sink !== null) this.queue.shift()?.();
  }

  private add(step: () => void): void {
    if (this.closed) return;
    this.queue.push(step);
    this.flush();
  }

  private flush(): void {
    while (this.wanted && this.queue.length > 0) this.queue.shift()?.();
    if (this.wanted) this.onWanted?.();
  }
}

/** What the client of an exchange in memory sees and does. */
export class MemoryClient implements BodySink {
  readonly exchange: MemoryExchange;
  /** Interim answers. */
  readonly informs: ResponseHead[] = [];
  status = 0;
  headers: HeaderList = new HeaderList();
  readonly chunks: Buffer[] = [];
  trailers: HeaderList | null = null;
  /** How the answer ended: `open` while it has not. */
  ending: 'open' | 'clean' | 'broken' = 'open';
  outcome: Outcome | null = null;
  /** Something of the above has changed. */
  onChange: (() => void) | null = null;
  private paused = false;

  constructor(request: MemoryRequest) {
    this.exchange = new MemoryExchange(this, request);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  /** Bytes of the request's body, or of the tunnel after 101. */
  send(data: Buffer): void {
    this.input()?.push(data);
  }

  /** Whether what is sent now is taken at once. */
  get writable(): boolean {
    return this.input()?.wanted === true;
  }

  finish(trailers: HeaderList | null = null): void {
    this.input()?.end(trailers);
  }

  /** The client goes away. */
  reset(): void {
    this.exchange.lose(new ProxyError('ClientAbort', 'the client has gone'));
  }

  /** Stops taking bytes of the answer. */
  pause(): void {
    this.paused = true;
    this.exchange.source?.pause();
  }

  resume(): void {
    this.paused = false;
    this.exchange.source?.resume();
  }

  begin(head: ResponseHead, source: Body | null): void {
    this.status = head.status;
    this.headers = head.headers;
    if (this.paused) source?.pause();
    this.onChange?.();
  }

  interim(head: ResponseHead): void {
    this.informs.push(head);
    this.onChange?.();
  }

  chunk(data: Buffer): void {
    this.chunks.push(data);
    this.onChange?.();
  }

  end(trailers: HeaderList | null): void {
    this.trailers = trailers;
    this.close('clean');
  }

  error(): void {
    this.close('broken');
  }

  close(ending: 'clean' | 'broken'): void {
    this.ending = ending;
    this.onChange?.();
  }

  private input(): PushBody | null {
    return this.status === 101 ? this.exchange.tunnel : this.exchange.body;
  }
}

export class MemoryExchange implements Exchange, BodySink {
  readonly head: RequestHead;
  readonly body: PushBody | null;
  readonly tunnel: PushBody | null;
  readonly peer: Peer;
  readonly version: string;
  readonly startedAt: number = performance.now();
  onAbort: ((cause: ProxyError) => void) | null = null;
  onDone: ((outcome: Outcome) => void) | null = null;
  /** Body of the answer, while it flows. */
  source: Body | null = null;
  private readonly client: MemoryClient;
  private phase: 'waiting' | 'responding' | 'done' = 'waiting';
  private lost: ProxyError | null = null;
  private bytesOut = 0;

  constructor(client: MemoryClient, request: MemoryRequest) {
    this.client = client;
    this.head = {
      method: request.method ?? 'GET',
      target: request.target ?? '/',
      authority: request.authority ?? 'a.test',
      scheme: request.scheme ?? 'http',
      headers: request.headers ?? new HeaderList(),
    };
    this.body = request.bodyLength === undefined ? null : new PushBody(request.bodyLength);
    this.tunnel = request.upgrade === true ? new PushBody() : null;
    this.peer = request.peer ?? { address: '127.0.0.1', port: 1, localAddress: '127.0.0.1', localPort: 80 };
    this.version = request.version ?? '1.1';
  }

  inform(status: number, headers: HeaderList): void {
    if (this.phase !== 'waiting' || this.version === '1.0' || status === 101) return;
    this.client.interim({ status, reason: '', headers });
  }

  respond(head: ResponseHead, body: Body | null): void {
    if (this.lost !== null) {
      body?.cancel(this.lost);
      return;
    }
    if (this.phase !== 'waiting') throw new Error('the exchange has been answered');
    this.phase = 'responding';
    const bodiless = this.head.method === 'HEAD' || head.status === 204 || head.status === 304;
    this.client.begin(framed(head, bodiless ? null : body), body);
    if (body === null || bodiless) {
      body?.cancel(null);
      this.end(null);
      return;
    }
    this.source = body;
    body.start(this);
  }

  abort(cause: ProxyError): void {
    if (this.lost !== null) return;
    if (this.phase !== 'waiting') throw new Error('the exchange has been answered');
    this.error(cause);
  }

  chunk(data: Buffer): void {
    if (this.phase !== 'responding') return;
    this.bytesOut += data.length;
    this.client.chunk(data);
  }

  end(trailers: HeaderList | null): void {
    if (this.phase !== 'responding') return;
    this.phase = 'done';
    this.source = null;
    this.client.end(trailers);
    this.settle(null);
  }

  error(cause: ProxyError): void {
    if (this.phase === 'done') return;
    this.phase = 'done';
    this.source = null;
    this.client.error();
    this.settle(cause);
  }

  /** The client went away. */
  lose(cause: ProxyError): void {
    if (this.phase === 'done') return;
    const { source } = this;
    this.phase = 'done';
    this.lost = cause;
    this.source = null;
    this.body?.fail(cause);
    this.tunnel?.fail(cause);
    source?.cancel(cause);
    this.onAbort?.(cause);
    this.client.close('broken');
    this.settle(cause);
  }

  private settle(error: ProxyError | null): void {
    // What nobody has read by now goes nowhere.
    if (this.client.status !== 101 && this.lost === null) {
      this.body?.cancel(null);
      this.tunnel?.cancel(null);
    }
    const outcome = { status: this.client.status, bytesIn: 0, bytesOut: this.bytesOut, error };
    this.client.outcome = outcome;
    this.onDone?.(outcome);
  }
}

/** A declared length reaches the client, as over any wire. */
function framed(head: ResponseHead, body: Body | null): ResponseHead {
  if (body === null || body.length < 0 || head.status === 101) return head;
  const headers = head.headers.clone();
  headers.set('Content-Length', String(body.length));
  return { status: head.status, reason: head.reason, headers };
}
