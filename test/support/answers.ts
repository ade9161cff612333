// Answers of HTTP/1.1 as a test reads them: whole, from a raw connection, one after the other.

import { RawClient } from './raw-client.ts';

export interface Answer {
  readonly status: number;
  /** First line and fields, as they came. */
  readonly head: string;
  /** Values by lower-case name, in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** A connection that is kept: each request has its whole answer before the next is sent. */
export class KeptConnection implements AsyncDisposable {
  readonly raw: RawClient;
  private from = 0;

  constructor(port: number) {
    this.raw = new RawClient(port);
  }

  /** Sends `request` and resolves with its answer. Rejects when the connection ends before. */
  async ask(request: string): Promise<Answer> {
    this.raw.send(request);
    return this.next(request.startsWith('HEAD '));
  }

  /** The next answer, interim ones left out. */
  async next(toHead = false): Promise<Answer> {
    this.raw.received = this.raw.received.slice(this.from);
    this.from = 0;
    for (;;) {
      await this.raw.until(({ received, ended }) => received.includes('\r\n\r\n', this.from) || ended);
      const { received } = this.raw;
      const headEnd = received.indexOf('\r\n\r\n', this.from);
      if (headEnd === -1) throw new Error(`connection ended after ${JSON.stringify(received.slice(this.from))}`);
      const head = received.slice(this.from, headEnd);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN);
      if (Number.isNaN(status)) throw new Error(`no answer: ${JSON.stringify(head)}`);
      this.from = headEnd + 4;
      if (status >= 100 && status < 200 && status !== 101) continue;
      const headers = fieldsOf(head);
      const bodiless = toHead || status === 101 || status === 204 || status === 304;
      return { status, head, headers, body: bodiless ? '' : await this.body(headers) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
  }

  private async body(headers: ReadonlyMap<string, readonly string[]>): Promise<string> {
    if (headers.get('transfer-encoding')?.[0] === 'chunked') return this.chunks();
    const length = headers.get('content-length')?.[0];
    if (length === undefined) {
      await this.raw.untilEnd();
      return this.take(this.raw.received.length - this.from);
    }
    await this.raw.until(({ received }) => received.length >= this.from + Number(length));
    return this.take(Number(length));
  }

  private async chunks(): Promise<string> {
    for (let body = ''; ;) {
      await this.raw.until(({ received }) => received.includes('\r\n', this.from));
      const lineEnd = this.raw.received.indexOf('\r\n', this.from);
      const size = Number.parseInt(this.raw.received.slice(this.from, lineEnd), 16);
      await this.raw.until(({ received }) => received.length >= lineEnd + 2 + size + 2);
      this.from = lineEnd + 2;
      body += this.take(size);
      this.from += 2;
      if (size === 0) return body;
    }
  }

  private take(length: number): string {
    const text = this.raw.received.slice(this.from, this.from + length);
    this.from += length;
    return text;
  }
}

/** One request on a connection of its own. */
export async function ask(port: number, request: string): Promise<Answer> {
  await using connection = new KeptConnection(port);
  return await connection.ask(request);
}

/** `fields` are whole header lines. */
export function get(target: string, host = 'a.test', ...fields: readonly string[]): string {
  return [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n');
}

export function post(target: string, body: string, ...fields: readonly string[]): string {
  const head = [`POST ${target} HTTP/1.1`, 'Host: a.test', `Content-Length: ${Buffer.byteLength(body)}`, ...fields];
  return [...head, '', body].join('\r\n');
}

function fieldsOf(head: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return fields;
}
