// A throw-away adapter on node:http2, so that the contract of the exchange is not just what HTTP/1.1 happens to do.
// It is not part of the product: our own engine will take its place in the suite.

import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink, Exchange, Outcome, Peer, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PushBody } from '#proxy/exchange/memory.ts';
import { Changes, type ContractAdapter, type ContractClient, type ContractRequest } from './exchange-contract.ts';

export const http2Adapter: ContractAdapter = {
  name: 'node:http2',
  connections: false,
  async serve(handler) {
    const server = createServer();
    const sessions = new Set<{ destroy(): void }>();
    server.on('session', (session) => sessions.add(session));
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number) => {
      handler(new Http2Exchange(stream, headers, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      request: (request) => new Http2Client(connect(`http://127.0.0.1:${port}`), request),
      async close() {
        for (const session of sessions) session.destroy();
        await new Promise<void>((resolve) => server.close(() => resolve()));
      },
    };
  },
};

class Http2Exchange implements Exchange, BodySink {
  readonly head: RequestHead;
  readonly body: PushBody | null;
  readonly tunnel = null;
  readonly peer: Peer = { address: '127.0.0.1', port: 0, localAddress: '127.0.0.1', localPort: 0 };
  readonly version = '2';
  readonly startedAt = performance.now();
  onAbort: ((cause: ProxyError) => void) | null = null;
  onDone: ((outcome: Outcome) => void) | null = null;
  private readonly stream: ServerHttp2Stream;
  private phase: 'waiting' | 'responding' | 'done' = 'waiting';
  private source: Body | null = null;
  private paused = false;
  private lost: ProxyError | null = null;
  private status = 0;
  private bytesOut = 0;
  private trailers: HeaderList | null = null;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ended: boolean) {
    this.stream = stream;
    this.head = {
      method: String(headers[':method']),
      target: String(headers[':path']),
      authority: String(headers[':authority']),
      scheme: 'http',
      headers: listOf(headers),
    };
    this.body = ended ? null : new PushBody(Number(headers['content-length'] ?? -1));
    if (this.body !== null) this.read(this.body);
    stream.on('drain', () => this.onDrain());
    stream.on('error', () => {});
    stream.on('close', () => this.onClose());
  }

  inform(status: number, headers: HeaderList): void {
    if (this.phase === 'waiting') this.stream.additionalHeaders({ ':status': status, ...plain(headers) });
  }

  respond(head: ResponseHead, body: Body | null): void {
    if (this.lost !== null) {
      body?.cancel(this.lost);
      return;
    }
    if (this.phase !== 'waiting') throw new Error('the exchange has been answered');
    this.phase = 'responding';
    this.status = head.status;
    const bodiless = this.head.method === 'HEAD' || head.status === 204 || head.status === 304;
    const none = body === null || bodiless;
    const length = body !== null && body.length >= 0 && !bodiless ? { 'content-length': body.length } : {};
    this.stream.respond(
      { ':status': head.status, ...plain(head.headers), ...length },
      { endStream: none, waitForTrailers: !none },
    );
    if (none) {
      body?.cancel(null);
      this.finish();
      return;
    }
    this.stream.on('wantTrailers', () => this.stream.sendTrailers(plain(this.trailers ?? new HeaderList())));
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
    if (this.stream.write(data) || this.paused) return;
    this.paused = true;
    this.source?.pause();
  }

  end(trailers: HeaderList | null): void {
    if (this.phase !== 'responding') return;
    this.trailers = trailers;
    this.stream.end();
    this.finish();
  }

  error(cause: ProxyError): void {
    if (this.phase === 'done') return;
    this.phase = 'done';
    this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.settle(cause);
  }

  private read(body: PushBody): void {
    const { stream } = this;
    stream.pause();
    stream.on('data', (data: Buffer) => {
      body.push(data);
      if (!body.wanted) stream.pause();
    });
    let trailers: HeaderList | null = null;
    stream.on('trailers', (fields) => (trailers = listOf(fields)));
    // The stream of a reset request ends like any other; only its code tells.
    stream.on('end', () => {
      if (!stream.aborted && stream.rstCode === 0) body.end(trailers);
    });
    body.onWanted = () => stream.resume();
    body.onCancel = () => stream.resume();
  }

  private onDrain(): void {
    if (!this.paused) return;
    this.paused = false;
    this.source?.resume();
  }

  private onClose(): void {
    if (this.phase === 'done') return;
    const cause = new ProxyError('ClientAbort', 'the stream was reset');
    const { source } = this;
    this.phase = 'done';
    this.lost = cause;
    this.body?.fail(cause);
    source?.cancel(cause);
    this.onAbort?.(cause);
    this.settle(cause);
  }

  private finish(): void {
    this.phase = 'done';
    this.source = null;
    this.body?.cancel(null);
    setImmediate(() => this.settle(null));
  }

  private settle(error: ProxyError | null): void {
    this.onDone?.({ status: this.status, bytesIn: 0, bytesOut: this.bytesOut, error });
  }
}

class Http2Client implements ContractClient {
  readonly informs: { status: number; headers: HeaderList }[] = [];
  status = 0;
  headers = new HeaderList();
  text = '';
  trailers: HeaderList | null = null;
  ending: 'open' | 'clean' | 'broken' = 'open';
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly changes = new Changes();
  private reading = true;

  constructor(session: ClientHttp2Session, request: ContractRequest) {
    const { method = 'GET', target = '/', headers, bodyLength } = request;
    this.session = session;
    session.on('error', () => {});
    this.stream = session.request(
      {
        ':method': method,
        ':path': target,
        ':authority': 'a.test',
        ...(bodyLength !== undefined && bodyLength >= 0 ? { 'content-length': bodyLength } : {}),
        ...(headers === undefined ? {} : plain(headers)),
      },
      { endStream: bodyLength === undefined, waitForTrailers: bodyLength !== undefined },
    );
    const { stream } = this;
    stream.on('headers', (fields) => this.informs.push({ status: Number(fields[':status']), headers: listOf(fields) }));
    stream.on('response', (fields) => {
      this.status = Number(fields[':status']);
      this.headers = listOf(fields);
      this.changes.notify();
    });
    stream.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.changes.notify();
    });
    stream.on('trailers', (fields) => (this.trailers = listOf(fields)));
    stream.on('end', () => this.close(stream.rstCode === 0 && this.status !== 0));
    stream.on('error', () => this.close(false));
    stream.on('close', () => this.close(false));
  }

  get writable(): boolean {
    return this.stream.writableLength === 0;
  }

  send(data: Buffer): void {
    this.stream.write(data, () => this.changes.notify());
  }

  finish(trailers: HeaderList | null = null): void {
    this.stream.on('wantTrailers', () => this.stream.sendTrailers(plain(trailers ?? new HeaderList())));
    this.stream.end();
  }

  reset(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  pause(): void {
    this.reading = false;
    this.stream.pause();
  }

  resume(): void {
    this.reading = true;
    this.stream.resume();
  }

  async until(condition: () => boolean): Promise<void> {
    await this.changes.until(condition);
  }

  private close(clean: boolean): void {
    if (this.ending === 'open' && this.reading) {
      this.ending = clean ? 'clean' : 'broken';
      setImmediate(() => this.session.close());
    }
    this.changes.notify();
  }
}

function listOf(headers: IncomingHttpHeaders): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) list.append(name, each);
  }
  return list;
}

function plain(list: HeaderList): Record<string, string | string[]> {
  const fields: Record<string, string[]> = {};
  for (let i = 0; i < list.length; i++)
    (fields[(list.names[i] as string).toLowerCase()] ??= []).push(list.values[i] as string);
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [name, values.length === 1 ? (values[0] as string) : values]),
  );
}
