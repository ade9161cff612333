// What a gateway makes of a request's header fields: one raw request through it to an origin that keeps the head.

import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { freePort, startPinned } from './processes.ts';
import type { Peer } from './peers/peer.ts';

const sent: readonly (readonly [string, string])[] = [
  ['Host', 'bench.test'],
  ['User-Agent', 'bench/1.0'],
  ['Accept', 'text/html, */*;q=0.5'],
  ['Cookie', 'a=1; b=2'],
  ['Authorization', 'Bearer abc'],
  ['X-Custom', 'one'],
  ['X-Custom', 'two'],
];

/** Fields that did not arrive as sent, as `name: value sent, value seen`. */
export async function forwardedHeaders(peer: Peer, dir: string): Promise<string[]> {
  let head = '';
  const origin = createServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      head = text;
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const own = path.join(dir, `${peer.name}-headers`);
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own, { recursive: true });
  const port = await freePort();
  const upstreamPort = (origin.address() as AddressInfo).port;
  const command = peer.prepare({
    adminPort: await freePort(),
    dir: own,
    port,
    upstreamPort,
    hosts: 0,
    logFile: path.join(own, 'access.log'),
  });
  try {
    await using _running = await startPinned(command, 1, port);
    await request(port);
  } finally {
    origin.close();
  }
  const seen = head.split('\r\n').slice(1);
  return sent.flatMap(([name, value]) => {
    const values = seen
      .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
      .map((line) => line.slice(line.indexOf(':') + 1).trim());
    return values.includes(value) || values.join(', ').includes(value)
      ? []
      : [`${name}: ${value} as ${JSON.stringify(values)}`];
  });
}

function request(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')));
    socket.on('error', reject);
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.write(`GET / HTTP/1.1\r\n${sent.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  });
}
