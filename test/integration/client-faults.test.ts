import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, KeptConnection, post } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { answer, startRawOrigin, type RawConnection, type RawOrigin } from '#test/support/raw-origin.ts';
import { startWorld, type World } from '#test/support/world.ts';

// Clients that misbehave: what they get, that the origin hears nothing it should not, and that others are served
// meanwhile.

const headerTimeout = 300;
let world: World;
let port = 0;
let origin: RawOrigin;
/** What the origin does with a connection; each test sets its own. */
let act: (connection: RawConnection) => void = () => {};
const rest = new AsyncDisposableStack();

beforeAll(async () => {
  port = await reservePort();
  origin = rest.use(await startRawOrigin((connection) => act(connection)));
  const web = manifest(
    server('web', port, [route('/good', 'good'), route('/', 'up')]),
    mock('good', 'good'),
    proxying('up', origin.port),
  );
  world = rest.use(await startWorld({ manifests: { 'web.yaml': web }, limits: { headerTimeout } }));
});

afterAll(() => rest.disposeAsync());

async function neighbourServes(): Promise<void> {
  expect(await world.get(port, '/good')).toMatchObject({ status: 200, body: 'good' });
}

const echo = (connection: RawConnection): void => connection.onRequest(() => connection.send(answer('ok')));

describe('a client', () => {
  it('that sends one byte at a time: 408 after the time for a head, however often it sends', async () => {
    await using client = new RawClient(port);
    const text = get('/', 'slow.test', `X: ${'x'.repeat(1000)}`);
    let sent = 0;
    const dripping = setInterval(() => client.closed || client.send(text[sent++] ?? ''), 30);
    await neighbourServes();
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 [^\r]*\r\n(.*\r\n)*connection: close\r\n/i);
    clearInterval(dripping);
    expect(sent).toBeLessThan(text.length / 2);
    await neighbourServes();
  });

  it('that connects and sends nothing costs the others nothing', async () => {
    const idle = Array.from({ length: 100 }, () => new RawClient(port));
    await Promise.all(idle.map((client) => new Promise((resolve) => client.socket.once('connect', resolve))));
    await neighbourServes();
    await Promise.all(idle.map((client) => client[Symbol.asyncDispose]()));
  });

  it('with a hundred thousand header fields: 431 once the limit is passed, and the origin hears nothing', async () => {
    const before = origin.connections.length;
    await using client = new RawClient(port);
    client.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${'X: y\r\n'.repeat(100_000)}\r\n`);
    await client.untilReceived('\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 431 /);
    await client.until(({ ended, closed }) => ended || closed);
    expect(origin.connections).toHaveLength(before);
    await neighbourServes();
  });

  it('that announces 10 GB: 413 before it sends any of it, and the origin hears nothing', async () => {
    const before = origin.connections.length;
    await using client = new RawClient(port);
    client.send('POST /big HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10737418240\r\n\r\n');
    await client.untilReceived('\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(origin.connections).toHaveLength(before);
    expect(await world.logged('/big')).toMatchObject({
      'error.type': 'PayloadTooLarge',
      'easegress.tags': ['bodyLimit'],
    });
    await neighbourServes();
  });

  it('that asks first, with Expect: 100-continue, is not invited to send 10 GB', async () => {
    await using client = new RawClient(port);
    client.send('POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 10737418240\r\n\r\n');
    await client.untilReceived('\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('that sends without end, unannounced: cut at the limit, and the origin never sees an end of it', async () => {
    act = () => {};
    await using client = new RawClient(port);
    client.send('POST /endless HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    await origin.waitForConnections(origin.connections.length);
    const chunk = `10000\r\n${'x'.repeat(0x1_0000)}\r\n`;
    let sent = 0;
    const pour = (): void => {
      while (!client.socket.destroyed && sent < 1024 && client.socket.write(chunk)) sent++;
      sent++;
    };
    client.socket.on('drain', pour);
    pour();
    expect(await client.untilEnd()).toMatch(/^(HTTP\/1\.1 413 |$)/);
    expect(sent).toBeLessThan(1024);
    const connection = origin.connections.at(-1);
    await connection?.until(({ closed, ended }) => closed || ended);
    expect(connection?.received).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(connection?.received.length).toBeLessThan(5 * 1024 * 1024);
    expect(await world.logged('/endless')).toMatchObject({ 'error.type': 'PayloadTooLarge' });
    await neighbourServes();
  });

  it('that ends its direction after the request (half-closed) still gets the whole answer', async () => {
    act = echo;
    await using client = new RawClient(port);
    client.send(get('/')).end();
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 200 .*ok$/s);
  });

  it('that ends its direction in the middle of a head, or of a body, gets no request through', async () => {
    act = () => {};
    for (const text of [
      'GET / HTTP/1.1\r\nHo',
      'POST /half HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf',
    ]) {
      const requests = origin.requests.length;
      await using client = new RawClient(port);
      client.send(text).end();
      expect(await client.untilEnd()).not.toMatch(/^HTTP\/1\.1 2/);
      expect(origin.requests).toHaveLength(requests);
    }
    expect(await world.logged('/half')).toMatchObject({ 'easegress.layer': 'listener' });
    await neighbourServes();
  });

  it('that resets in the middle of its body: the origin is let go, nobody is blamed but the client', async () => {
    act = () => {};
    await using client = new RawClient(port);
    const before = origin.connections.length;
    client.send('POST /rst HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\npart');
    await origin.waitForConnections(before + 1);
    const connection = origin.connections.at(-1);
    await connection?.until(({ received }) => received.endsWith('part'));
    client.reset();
    await connection?.until(({ closed, ended }) => closed || ended);
    const line = await world.logged('/rst');
    expect(line).toMatchObject({ 'error.type': 'ClientAbort', 'http.response.status_code': 499 });
    expect(line['easegress.upstreams']).toMatchObject([{ status: 0, error: 'ClientAbort' }]);
    await neighbourServes();
  });

  it('that resets in the middle of its answer: the origin is let go, and the next client is served', async () => {
    act = (connection) =>
      connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'));
    await using client = new RawClient(port);
    client.send(get('/left'));
    await client.untilReceived('part');
    client.reset();
    const connection = origin.connections.at(-1);
    await connection?.until(({ closed, ended }) => closed || ended);
    expect(await world.logged('/left')).toMatchObject({ 'error.type': 'ClientAbort' });
    act = echo;
    expect((await world.get(port, '/')).body).toBe('ok');
  });

  it('that pipelines garbage behind a request: the request is answered, then 400, then the end', async () => {
    act = echo;
    await using connection = new KeptConnection(port);
    connection.raw.send(`${post('/', 'body')}\0\0garbage\r\n\r\n`);
    expect((await connection.next()).status).toBe(200);
    expect((await connection.next()).status).toBe(400);
    await connection.raw.untilEnd();
    await neighbourServes();
  });
});
