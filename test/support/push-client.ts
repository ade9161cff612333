// A push client that does only what a test tells it: sends messages or raw bytes, keeps every byte it got, reads or
// does not read. For what a well-behaved proxy would never do.

import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { encodeMessage, MessageDecoder } from '#proxy/contract/framing.ts';
import { operatorName, streamPath, toProxy, type ToOperator, type ToProxy } from '#proxy/contract/messages.ts';

export interface PushClientOptions {
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  readonly servername?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class PushClient implements AsyncDisposable {
  readonly messages: ToProxy[] = [];
  readonly stream: ClientHttp2Stream;
  readonly session: ClientHttp2Session;
  /** Answered by the server, 0 when the connection broke before. */
  readonly status: Promise<number>;
  readonly closed: Promise<void>;
  private readonly chunks: Buffer[] = [];
  private readonly decoder = new MessageDecoder(toProxy);
  private readonly waiters = new Set<() => void>();
  private over = false;

  constructor(options: PushClientOptions) {
    const { port, ca, token, servername = operatorName, path = streamPath } = options;
    this.session = connect(`https://127.0.0.1:${port}`, { ca, servername });
    const headers = { ':method': 'POST', ':path': path, authorization: `Bearer ${token}`, ...options.headers };
    this.stream = this.session.request(headers, { endStream: false });
    this.session.on('error', () => {});
    this.stream.on('error', () => {});
    this.status = new Promise((resolve) => {
      this.stream.on('response', (answer) => resolve(answer[':status'] ?? 0));
      this.stream.on('close', () => resolve(0));
      this.session.on('close', () => resolve(0));
    });
    this.closed = new Promise((resolve) => {
      this.session.on('close', () => {
        this.over = true;
        this.wake();
        resolve();
      });
    });
    this.stream.on('data', (chunk: Buffer) => this.take(chunk));
    this.stream.on('end', () => this.stream.end());
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  send(message: ToOperator): void {
    this.stream.write(encodeMessage(message));
  }

  hello(fields: Partial<Extract<ToOperator, { type: 'hello' }>> = {}): void {
    const protocol = { major: 1, minor: 0 };
    const self = { build: 'test', proxy: 'test', unitKinds: [], filterKinds: [] };
    this.send({ type: 'hello', protocol, ...self, version: '', digest: '0-0', ...fields });
  }

  /** Resolves with the first message of that type from `from` on that has arrived or will; rejects when it ended. */
  async next<T extends ToProxy['type']>(type: T, from = 0): Promise<Extract<ToProxy, { type: T }>> {
    for (;;) {
      const found = this.messages.slice(from).find((message) => message.type === type);
      if (found !== undefined) return found as Extract<ToProxy, { type: T }>;
      if (this.over) throw new Error(`connection ended before a message ${type}`);
      await new Promise<void>((resolve) => this.waiters.add(resolve));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    return this.closed;
  }

  private take(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.messages.push(...this.decoder.push(chunk));
    this.wake();
  }

  private wake(): void {
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const resolve of waiting) resolve();
  }
}
