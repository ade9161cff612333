// The back end of the chaos run. What it answers follows from the request alone, so that every body can be judged:
// GET /k/<n> gives the text of `expectedBody(n)`, POST /echo gives the body back, GET /slow/<bytes> trickles, and a
// WebSocket echoes its messages.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer } from 'ws';

export function expectedBody(n: number): string {
  return `${n}:${String(n * 2654435761).repeat(1 + (n % 40))}\n`;
}

/** Byte `at` of a slow download. */
export function slowByte(at: number): number {
  return 97 + (at % 23);
}

export interface ChaosOrigin extends AsyncDisposable {
  readonly port: number;
  readonly openSockets: () => number;
}

export async function startChaosOrigin(): Promise<ChaosOrigin> {
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 600_000 }, answer);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (client) => {
    client.on('error', () => client.terminate());
    client.on('message', (message, isBinary) => client.send(message, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1024, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    openSockets: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      webSockets.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, verb = '', value = ''] = (request.url ?? '').split('/');
  if (request.method === 'POST') {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(Buffer.concat(chunks)));
  } else if (verb === 'k') {
    const body = expectedBody(Number(value));
    // Half of the answers are chunked, so that both framings are in the mix.
    if (Number(value) % 2 === 0) response.setHeader('content-length', Buffer.byteLength(body));
    else response.write(body.slice(0, 1));
    response.end(Number(value) % 2 === 0 ? body : body.slice(1));
  } else if (verb === 'slow') {
    trickle(response, Number(value));
  } else {
    response.writeHead(404).end();
  }
}

const pieceBytes = 4096;

function trickle(response: ServerResponse, total: number): void {
  response.writeHead(200, { 'content-length': total });
  let sent = 0;
  const timer = setInterval(() => {
    const piece = Buffer.alloc(Math.min(pieceBytes, total - sent));
    for (let i = 0; i < piece.length; i++) piece[i] = slowByte(sent + i);
    response.write(piece);
    sent += piece.length;
    if (sent < total) return;
    clearInterval(timer);
    response.end();
  }, 50);
  response.on('close', () => clearInterval(timer));
}
