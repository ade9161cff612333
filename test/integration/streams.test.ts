import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { startRawOrigin } from '#test/support/raw-origin.ts';
import { startWorld } from '#test/support/world.ts';

// What lasts: tunnels over swaps, and bodies that one side does not take.

const mib = 1024 * 1024;

describe('a WebSocket', () => {
  it.each<0 | 1>([0, 1])(
    'with %i data threads outlives twenty swaps of its route, pipeline and upstream',
    async (threads) => {
      const port = await reservePort();
      await using origin = await startEchoSocket();
      const web = (swap: number) =>
        manifest(
          server('web', port, [route(`/${swap}`, 'a'), route('/ws', 'up')]),
          mock('a', `${swap}`),
          proxying('up', origin.port, { timeout: `${60 + swap}s` }),
        );
      await using world = await startWorld({ threads, manifests: { 'web.yaml': web(0) } });
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
      await once(socket, 'open');
      for (let swap = 1; swap <= 20; swap++) {
        await world.write('web.yaml', web(swap));
        const answered = once(socket, 'message');
        socket.send(`message ${swap}`);
        expect(String((await answered)[0])).toBe(`message ${swap}`);
      }
      expect((await world.get(port, '/20')).body).toBe('20');
      const big = Buffer.alloc(mib, 7);
      const answered = once(socket, 'message');
      socket.send(big);
      expect(big.equals((await answered)[0] as Buffer)).toBe(true);
      const closed = once(socket, 'close');
      socket.close(4321, 'bye');
      const [code, reason] = (await closed) as [number, Buffer];
      expect([code, String(reason)]).toEqual([4321, 'bye']);
      expect(origin.opened()).toBe(1);
    },
  );

  it('whose route is removed, and whose server resets, ends for both sides', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin((connection) => {
      const key = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello';
      void connection.until(({ received }) => received.includes('\r\n\r\n')).then(() => connection.send(key));
    });
    const web = manifest(server('web', port, [route('/', 'up')]), proxying('up', origin.port));
    await using world = await startWorld({ manifests: { 'web.yaml': web } });
    await using client = new RawClient(port);
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n');
    await client.untilReceived('hello');
    expect((await world.get(port, '/')).status).toBe(502);
    client.send('from the client');
    await origin.connections[0]?.until(({ received }) => received.endsWith('from the client'));
    origin.connections[0]?.reset();
    await client.until(({ closed, ended }) => closed || ended);
  });
});

describe('a download', () => {
  it('that is under way is finished whole, whatever becomes of its route, upstream and server', async () => {
    const port = await reservePort();
    const total = 16 * mib;
    await using origin = await startPouringOrigin(total);
    const web = (swap: number) =>
      manifest(
        server('web', port, [route('/', 'up', { setHeaders: { 'X-Swap': `${swap}` } })]),
        proxying('up', origin.port, { timeout: `${60 + swap}s` }, { serverMaxBodySize: -1 }),
      );
    await using world = await startWorld({ graceMs: 50, manifests: { 'web.yaml': web(0) } });
    await using client = new RawClient(port);
    client.send(get('/'));
    await client.untilReceived('\r\n\r\n');
    client.socket.pause();
    for (let swap = 1; swap <= 3; swap++) await world.write('web.yaml', web(swap));
    await world.remove('web.yaml');
    await settled(origin.poured);
    await expect(world.get(port, '/')).rejects.toThrow('ECONNREFUSED');
    client.socket.resume();
    const start = client.received.indexOf('\r\n\r\n') + 4;
    await client.until(({ received }) => received.length >= start + total);
    const body = Buffer.from(client.received.slice(start), 'latin1');
    expect(createHash('sha256').update(body).digest('hex')).toBe(origin.digest());
  });
});

describe('a client that does not read', () => {
  it('holds its 64 MB answer back at the origin, and gets every byte when it reads again', async () => {
    const port = await reservePort();
    const total = 64 * mib;
    await using origin = await startPouringOrigin(total);
    const web = manifest(
      server('web', port, [route('/good', 'good'), route('/', 'up')]),
      mock('good', 'good'),
      proxying('up', origin.port, { serverMaxBodySize: -1 }),
    );
    await using world = await startWorld({ manifests: { 'web.yaml': web } });
    const rss = process.memoryUsage().rss;
    await using client = new RawClient(port);
    client.socket.removeAllListeners('data');
    client.send(get('/'));
    client.socket.pause();
    const held = await settled(origin.poured);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(32 * mib);
    expect(process.memoryUsage().rss - rss).toBeLessThan(48 * mib);
    expect((await world.get(port, '/good')).body).toBe('good');

    let bytes = 0;
    const hash = createHash('sha256');
    const whole = Promise.withResolvers<void>();
    let headEnd = -1;
    client.socket.on('data', (data: Buffer) => {
      const body = headEnd === -1 ? data.subarray((headEnd = data.indexOf('\r\n\r\n') + 4)) : data;
      hash.update(body);
      if ((bytes += body.length) === total) whole.resolve();
    });
    client.socket.resume();
    await whole.promise;
    expect(hash.digest('hex')).toBe(origin.digest());
  });
});

describe('an origin that does not read', () => {
  it('holds an upload of 64 MB back at the client', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin((connection) => connection.socket.pause());
    const web = manifest(
      server('web', port, [route('/good', 'good'), route('/', 'up')], { clientMaxBodySize: -1 }),
      mock('good', 'good'),
      proxying('up', origin.port),
    );
    await using _world = await startWorld({ manifests: { 'web.yaml': web } });
    const rss = process.memoryUsage().rss;
    await using client = new RawClient(port);
    client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${64 * mib}\r\n\r\n`);
    const piece = Buffer.alloc(64 * 1024, 1);
    let taken = 0;
    const pour = (): void => {
      while (taken < 64 * mib && client.socket.write(piece)) taken += piece.length;
      taken += piece.length;
    };
    client.socket.on('drain', pour);
    pour();
    expect(await settled(() => taken)).toBeLessThan(32 * mib);
    expect(process.memoryUsage().rss - rss).toBeLessThan(48 * mib);
    await using other = new KeptConnection(port);
    expect((await other.ask(get('/good'))).body).toBe('good');
  });
});

/** The value of `read` once it has stood still: what no side takes has no event. */
async function settled(read: () => number): Promise<number> {
  for (let last = -1, still = 0; ;) {
    const now = read();
    still = now === last ? still + 1 : 0;
    if (still === 10) return now;
    last = now;
    await sleep(30);
  }
}

interface EchoSocket extends AsyncDisposable {
  readonly port: number;
  readonly opened: () => number;
}

async function startEchoSocket(): Promise<EchoSocket> {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  let opened = 0;
  sockets.on('connection', (socket) => {
    opened++;
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
    socket.on('close', (code, reason) => socket.close(code, reason));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    opened: () => opened,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      http.close();
      await once(http, 'close');
    },
  };
}

interface PouringOrigin extends AsyncDisposable {
  readonly port: number;
  /** Bytes that the system has taken so far. */
  readonly poured: () => number;
  readonly digest: () => string;
}

/** Answers with `total` bytes as fast as they are taken. */
async function startPouringOrigin(total: number): Promise<PouringOrigin> {
  const hash = createHash('sha256');
  let poured = 0;
  const pour = (response: ServerResponse): void => {
    while (poured < total) {
      const piece = Buffer.alloc(64 * 1024, poured / (64 * 1024));
      hash.update(piece);
      poured += piece.length;
      if (!response.write(piece)) return;
    }
    response.end();
  };
  const http = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': total });
    response.on('drain', () => pour(response));
    pour(response);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    port: (http.address() as AddressInfo).port,
    poured: () => poured,
    digest: () => hash.digest('hex'),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}
