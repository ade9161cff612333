// HTTP/2 under chance, in both roles and without sockets: conversations whose bytes are changed, and frames of any kind
// in any order. What is asked of each input: nothing throws, every exchange ends, and where the bytes were cut makes no
// difference to what was understood.

import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Draw } from '#test/conformance/http/draw.ts';
import { BufferBody } from '#proxy/exchange/body.ts';
import type { Body, Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import type { ServerContext } from '#proxy/http1/server-context.ts';
import { Http2ClientConnection } from '#proxy/http2/client.ts';
import { flag, frameType, preface } from '#proxy/http2/frames.ts';
import { settingsFrame } from '#proxy/http2/peer-settings.ts';
import { Http2ServerConnection } from '#proxy/http2/server.ts';
import { fieldBlock, frame, get, number, post } from '#test/support/http2-peer.ts';

/** A socket that takes everything and remembers whether it was closed. */
class TestSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 80;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  writableEnded = false;
  destroyed = false;
  last: Buffer = Buffer.alloc(0);

  write(data: Buffer): boolean {
    this.last = Buffer.from(data);
    return true;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}

  end(): void {
    this.writableEnded = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }

  resetAndDestroy(): void {
    this.destroy();
  }
}

const both = flag.endHeaders | flag.endStream;
const length10 = fieldBlock([...post, ['content-length', '10'], ['cookie', 'a=1'], ['cookie', 'b=2']]);
const huffman = Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
const indexing = Buffer.concat([Buffer.from('828684be', 'hex'), Buffer.from('400161ff0102', 'hex')]);
const shared: readonly Buffer[] = [
  settingsFrame([
    [1, 100],
    [4, 70_000],
  ]),
  settingsFrame([[4, 0]]),
  frame(frameType.settings, flag.ack, 0),
  frame(frameType.windowUpdate, 0, 0, number(1000)),
  frame(frameType.windowUpdate, 0, 1, number(0x7fff_0000)),
  frame(frameType.ping, 0, 0, 'pingping'),
  frame(frameType.priority, 0, 3, Buffer.of(0, 0, 0, 1, 9)),
  frame(frameType.priorityUpdate, 0, 0, Buffer.concat([number(3), Buffer.from('u=1')])),
  frame(frameType.goaway, 0, 0, Buffer.alloc(8)),
  frame(frameType.rstStream, 0, 3, number(8)),
  frame(frameType.data, flag.padded, 3, '\x02hello\0\0'),
  frame(frameType.data, 0, 3, 'world'),
  frame(frameType.data, flag.endStream, 3, ''),
  frame(frameType.data, flag.endStream, 1, 'x'),
  frame(frameType.headers, both, 3, fieldBlock([['x-sum', '1']])),
];
const fromClient: readonly Buffer[] = [
  frame(frameType.headers, both, 1, huffman),
  frame(frameType.headers, 0, 3, length10.subarray(0, 9)),
  frame(frameType.continuation, flag.endHeaders, 3, length10.subarray(9)),
  frame(frameType.headers, flag.endHeaders, 3, length10),
  frame(frameType.headers, both | flag.priority, 5, Buffer.concat([number(3), Buffer.of(9), fieldBlock(get)])),
  frame(frameType.headers, both, 7, indexing),
];
const fromServer: readonly Buffer[] = [
  frame(frameType.headers, flag.endHeaders, 1, fieldBlock([[':status', '103']])),
  frame(frameType.headers, flag.endHeaders, 1, Buffer.of(0x88)),
  frame(frameType.headers, both, 1, Buffer.of(0x8d)),
  frame(
    frameType.headers,
    flag.endHeaders,
    3,
    fieldBlock([
      [':status', '200'],
      ['content-length', '10'],
    ]),
  ),
  frame(frameType.headers, both, 5, fieldBlock([[':status', '204']])),
];

/** Everything that was understood, in order, per exchange. */
type Log = Map<number, string[]>;

/** An input: `` when all is well, else what is wrong. */
export async function tryHttp2(draw: Draw): Promise<string> {
  const server = draw.below(2) === 0;
  const bytes = drawBytes(draw, server ? fromClient : fromServer);
  const cuts = [bytes.length, 1 + draw.below(bytes.length), 1 + draw.below(7)];
  const readings: string[] = [];
  for (const cut of cuts) {
    try {
      readings.push(await (server ? readAsServer(bytes, cut) : readAsClient(bytes, cut)));
    } catch (error) {
      return `${server ? 'server' : 'client'} threw ${String(error)} on ${bytes.toString('hex')}`;
    }
  }
  const different = readings.find((reading) => reading !== readings[0]);
  if (different === undefined) return '';
  return `${server ? 'server' : 'client'} read ${bytes.toString('hex')} as\n  ${readings[0]}\n  ${different}`;
}

function drawBytes(draw: Draw, own: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [draw.below(20) === 0 ? Buffer.alloc(0) : (shared[0] as Buffer)];
  const all = [...own, ...shared];
  for (let n = 1 + draw.below(14); n > 0; n--) {
    if (draw.below(5) > 0) {
      parts.push(all[draw.below(all.length)] as Buffer);
      continue;
    }
    const payload = Buffer.alloc(draw.below(20), draw.below(256));
    parts.push(frame(draw.below(18), draw.below(64), draw.below(8), payload));
  }
  const bytes = Buffer.concat(parts);
  if (draw.below(2) === 0) {
    for (let n = 1 + draw.below(3); n > 0 && bytes.length > 0; n--) bytes[draw.below(bytes.length)] = draw.below(256);
  }
  return bytes.length === 0 ? Buffer.of(0) : bytes;
}

async function readAsServer(bytes: Buffer, cut: number): Promise<string> {
  const log: Log = new Map();
  const socket = new TestSocket();
  let ended = 0;
  const context: ServerContext = {
    handler: (exchange) => {
      const lines: string[] = [];
      log.set(log.size, lines);
      lines.push(JSON.stringify([exchange.head]));
      exchange.onDone = () => ended++;
      readInto(exchange.body, lines, () => answer(exchange));
    },
    scheme: 'http',
    limits: connectionLimits,
    keepAlive: true,
    keepAliveTimeout: 60_000,
    closing: false,
    onRefused: () => {},
    onClosed: () => {},
  };
  const connection = new Http2ServerConnection(socket as unknown as Socket, context);
  feed(socket, Buffer.concat([preface, bytes]), cut + (cut === bytes.length ? preface.length : 0));
  connection.destroy();
  await turn();
  if (ended !== log.size) throw new Error(`${log.size - ended} exchanges never ended`);
  return JSON.stringify([...log.values()]);
}

async function readAsClient(bytes: Buffer, cut: number): Promise<string> {
  const log: Log = new Map();
  const socket = new TestSocket();
  let sent = 0;
  let done = 0;
  const connection: Http2ClientConnection = new Http2ClientConnection(
    {
      ready: () => {
        for (; sent < 3 && connection.usable;) ask(sent++);
      },
      free() {},
      retired() {},
      closed() {},
    },
    'http',
  );
  const ask = (index: number): void => {
    const lines: string[] = [];
    log.set(index, lines);
    const request = { method: index === 1 ? 'POST' : 'GET', target: '/', authority: 'a', scheme: 'http' as const };
    connection.send(
      { ...request, headers: new HeaderList() },
      index === 1 ? new BufferBody(Buffer.alloc(100)) : null,
      { pathPrefix: '', host: null, ownHost: '', maxBody: -1 },
      {
        inform: (status) => lines.push(`inform ${status}`),
        head: (head, body) => {
          lines.push(JSON.stringify(head));
          readInto(body, lines, () => {});
        },
        failed: (error) => {
          lines.push(error.code);
          done++;
        },
        done: () => done++,
      },
    );
  };
  connection.attach(socket as unknown as Socket);
  feed(socket, bytes, cut);
  connection.destroy();
  await turn();
  if (done !== sent) throw new Error(`${sent - done} exchanges never ended`);
  return JSON.stringify([...log.values()]);
}

function feed(socket: TestSocket, bytes: Buffer, cut: number): void {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += cut) socket.emit('data', bytes.subarray(at, at + cut));
}

/** A body as one line, however it was cut. */
function readInto(body: Body | null, lines: string[], end: () => void): void {
  if (body === null) {
    end();
    return;
  }
  let text = '';
  body.start({
    chunk: (data) => (text += data.toString('latin1')),
    end: (trailers) => {
      lines.push(text, JSON.stringify(trailers));
      end();
    },
    error: (cause) => lines.push(text, cause.code),
  });
}

function answer(exchange: Exchange): void {
  exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, new BufferBody(Buffer.from('ok')));
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
