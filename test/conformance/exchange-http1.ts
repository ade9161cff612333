// HTTP/1.1 under the contract suite: a real listener, and a client that is a bare socket and our own parser.

import { connect, type Socket } from 'node:net';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { connectionLimits, parserLimits } from '#proxy/http1/limits.ts';
import { MessageParser, parseEvent } from '#proxy/http1/parser.ts';
import { openListener } from '#proxy/listeners/listener.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { Changes, type ContractAdapter, type ContractClient, type ContractRequest } from './exchange-contract.ts';

export const http1Adapter: ContractAdapter = {
  name: 'HTTP/1.1',
  connections: true,
  async serve(handler) {
    const listener = await openListener({
      content: listenerContent(),
      handler,
      limits: connectionLimits,
      reusePort: false,
      connections: new Int32Array(new SharedArrayBuffer(4)),
    });
    return {
      request: (request) => new Http1Client(listener.port, request),
      close: () => listener.close(),
    };
  },
};

class Http1Client implements ContractClient {
  readonly informs: { status: number; headers: HeaderList }[] = [];
  status = 0;
  headers = new HeaderList();
  text = '';
  trailers: HeaderList | null = null;
  ending: 'open' | 'clean' | 'broken' = 'open';
  private readonly socket: Socket;
  private readonly parser = new MessageParser('response', parserLimits);
  private readonly changes = new Changes();
  private readonly chunked: boolean;

  constructor(port: number, request: ContractRequest) {
    this.parser.answersHead = request.method === 'HEAD';
    this.chunked = request.bodyLength === -1;
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('data', (data: Buffer) => this.receive(data));
    this.socket.on('end', () => this.close(this.parser.finish() === parseEvent.end || this.parser.isTunnel));
    this.socket.on('error', () => this.close(false));
    this.socket.on('close', () => this.close(false));
    this.socket.write(requestHead(request), 'latin1');
    if (request.halfClose === true) this.socket.end();
  }

  get writable(): boolean {
    return this.socket.writableLength === 0;
  }

  send(data: Buffer): void {
    if (this.chunked && !this.parser.isTunnel) this.socket.write(`${data.length.toString(16)}\r\n`);
    this.socket.write(data, () => this.changes.notify());
    if (this.chunked && !this.parser.isTunnel) this.socket.write('\r\n');
  }

  finish(trailers: HeaderList | null = null): void {
    if (this.parser.isTunnel) this.socket.end();
    else if (this.chunked) this.socket.write(`0\r\n${fieldLines(trailers)}\r\n`, 'latin1');
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async until(condition: () => boolean): Promise<void> {
    await this.changes.until(condition);
  }

  private receive(data: Buffer): void {
    let at = 0;
    for (;;) {
      const event = this.parser.next(data, at);
      at = this.parser.offset;
      if (event === parseEvent.head) this.onHead();
      else if (event === parseEvent.chunk) this.text += this.parser.chunk.toString('latin1');
      else if (event === parseEvent.end) this.onEnd(this.parser.trailers);
      else if (event === parseEvent.failed) this.close(false);
      if (event === parseEvent.more || event === parseEvent.failed) break;
    }
    if (this.parser.isTunnel) this.text += data.toString('latin1', at);
    this.changes.notify();
  }

  private onHead(): void {
    const { status, headers, hasBody } = this.parser;
    if (status < 200 && status !== 101) {
      this.informs.push({ status, headers });
      return;
    }
    this.status = status;
    this.headers = headers;
    if (!hasBody && status !== 101) this.onEnd(null);
  }

  private onEnd(trailers: HeaderList | null): void {
    this.trailers = trailers;
    this.close(true);
  }

  private close(clean: boolean): void {
    if (this.ending === 'open') {
      this.ending = clean ? 'clean' : 'broken';
      // A client with nothing more to ask for leaves.
      if (clean && !this.socket.writableEnded) this.socket.end();
    }
    this.changes.notify();
  }
}

function requestHead(request: ContractRequest): string {
  const { method = 'GET', target = '/', headers = null, bodyLength } = request;
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: a.test'];
  if (bodyLength !== undefined)
    lines.push(bodyLength < 0 ? 'Transfer-Encoding: chunked' : `Content-Length: ${bodyLength}`);
  if (request.acceptsTrailers === true) lines.push('TE: trailers');
  if (request.upgrade === true) lines.push('Connection: upgrade', 'Upgrade: echo');
  return `${lines.join('\r\n')}\r\n${fieldLines(headers)}\r\n`;
}

function fieldLines(list: HeaderList | null): string {
  return list === null ? '' : list.names.map((name, i) => `${name}: ${list.values[i]}\r\n`).join('');
}
