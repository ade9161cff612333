// HTTP/2 under the contract suite: a real listener, and Node's own client, which knows nothing of our engine.

import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { openListener } from '#proxy/listeners/listener.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { Changes, type ContractAdapter, type ContractClient, type ContractRequest } from './exchange-contract.ts';

export const http2Adapter: ContractAdapter = {
  name: 'HTTP/2',
  connections: false,
  async serve(handler) {
    const listener = await openListener({
      content: listenerContent(),
      handler,
      limits: connectionLimits,
      reusePort: false,
      connections: new Int32Array(new SharedArrayBuffer(4)),
    });
    return {
      request: (request) => new Http2Client(connect(`http://127.0.0.1:${listener.port}`), request),
      close: () => listener.close(),
    };
  },
};

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
