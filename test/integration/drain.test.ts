import { describe, expect, it } from 'vitest';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { answer, startRawOrigin } from '#test/support/raw-origin.ts';
import { startWorld } from '#test/support/world.ts';

describe.each<0 | 2>([0, 2])('a proxy with %i data threads that drains', (threads) => {
  it('is not ready, ends what is under way, lets idle connections go and takes no new ones', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin(() => {});
    const web = manifest(
      server('web', port, [route('/slow', 'up'), route('/', 'a')]),
      mock('a', 'a'),
      proxying('up', origin.port),
    );
    await using world = await startWorld({ threads, manifests: { 'web.yaml': web } });
    await using idle = new KeptConnection(port);
    await idle.ask(get('/'));
    await using busy = new KeptConnection(port);
    busy.raw.send(get('/slow'));
    await origin.waitForConnections(1);
    const [connection] = origin.connections;
    await connection?.until(({ received }) => received.includes('\r\n\r\n'));

    const { runtime, admin } = world.proxy();
    const drained = runtime.drain(0, 20_000);
    expect((await fetch(`http://127.0.0.1:${admin.port}/readyz`)).status).toBe(503);
    await idle.raw.untilEnd();
    idle.raw.end();
    await expect(world.get(port, '/')).rejects.toThrow('ECONNREFUSED');
    connection?.send(answer('late'));
    const late = await busy.next();
    expect([late.body, late.headers.get('connection')]).toEqual(['late', ['close']]);
    busy.raw.end();
    await drained;
  });

  it('goes on accepting for the grace period', async () => {
    const port = await reservePort();
    const web = manifest(server('web', port, [route('/', 'a')]), mock('a', 'a'));
    await using world = await startWorld({ threads, manifests: { 'web.yaml': web } });
    const { runtime } = world.proxy();
    const drained = runtime.drain(600, 20_000);
    expect((await world.get(port, '/')).body).toBe('a');
    expect(runtime.notReady()).toBe('shutting down');
    await drained;
    await expect(world.get(port, '/')).rejects.toThrow('ECONNREFUSED');
  });

  it('cuts what has not ended at the deadline', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin(() => {});
    const web = manifest(server('web', port, [route('/', 'up')]), proxying('up', origin.port));
    await using world = await startWorld({ threads, manifests: { 'web.yaml': web } });
    await using busy = new KeptConnection(port);
    busy.raw.send(get('/'));
    await origin.waitForConnections(1);
    await world.proxy().runtime.drain(0, 100);
    await busy.raw.until(({ closed }) => closed);
    await origin.connections[0]?.until(({ closed, ended }) => closed || ended);
  });
});

describe('a tunnel', () => {
  it('is given until the deadline of a drain, and then cut', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin((connection) => {
      const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nhello';
      void connection.until(({ received }) => received.includes('\r\n\r\n')).then(() => connection.send(switching));
    });
    const web = manifest(server('web', port, [route('/', 'up')]), proxying('up', origin.port));
    await using world = await startWorld({ manifests: { 'web.yaml': web } });
    await using tunnel = new KeptConnection(port);
    tunnel.raw.send(get('/', 'a.test', 'Connection: Upgrade', 'Upgrade: test'));
    await tunnel.raw.untilReceived('hello');
    const drained = world.proxy().runtime.drain(0, 400);
    origin.connections[0]?.send('still open');
    await tunnel.raw.untilReceived('still open');
    await drained;
    await tunnel.raw.until(({ closed }) => closed);
  });
});

describe('connections over maxConnections', () => {
  it.each<0 | 2>([0, 2])('with %i data threads wait, and are served when a place is free', async (threads) => {
    const port = await reservePort();
    const web = manifest(server('web', port, [route('/', 'a')], { maxConnections: 2 }), mock('a', 'a'));
    await using _world = await startWorld({ threads, manifests: { 'web.yaml': web } });
    const first = [new KeptConnection(port), new KeptConnection(port)];
    for (const connection of first) expect((await connection.ask(get('/'))).body).toBe('a');
    await using third = new KeptConnection(port);
    third.raw.send(get('/'));
    for (const connection of first) expect((await connection.ask(get('/'))).body).toBe('a');
    expect(third.raw.received).toBe('');
    for (const connection of first) await connection[Symbol.asyncDispose]();
    expect((await third.next()).body).toBe('a');
  });
});

describe('a server that is removed', () => {
  it('ends what is under way and refuses new connections after the grace period', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin(() => {});
    const web = manifest(server('web', port, [route('/', 'up')]), proxying('up', origin.port));
    await using world = await startWorld({ graceMs: 200, manifests: { 'web.yaml': web } });
    await using busy = new KeptConnection(port);
    busy.raw.send(get('/'));
    await origin.waitForConnections(1);
    const [connection] = origin.connections;
    await connection?.until(({ received }) => received.includes('\r\n\r\n'));
    await world.remove('web.yaml');
    expect((await world.get(port, '/')).status).toBe(404);
    connection?.send(answer('late'));
    expect((await busy.next()).body).toBe('late');
    for (;;)
      if (
        await world.get(port, '/').then(
          () => false,
          (error: Error) => error.message.includes('ECONNREFUSED'),
        )
      )
        break;
  });

  it('and comes back within it goes on as if nothing had been', async () => {
    const port = await reservePort();
    const web = manifest(server('web', port, [route('/', 'a')]), mock('a', 'a'));
    await using world = await startWorld({ graceMs: 60_000, manifests: { 'web.yaml': web } });
    for (let time = 0; time < 3; time++) {
      await world.remove('web.yaml');
      await world.write('web.yaml', web);
      await using connection = new KeptConnection(port);
      for (let n = 0; n < 3; n++) expect(await connection.ask(get('/'))).toMatchObject({ status: 200, body: 'a' });
    }
  });
});
