import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, KeptConnection, post } from '#test/support/answers.ts';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { answer, startRawOrigin, type RawConnection, type RawOrigin } from '#test/support/raw-origin.ts';
import { startWorld, type World } from '#test/support/world.ts';

// What clients get when a server behind the gateway misbehaves, what the access log says, and that the neighbour on the
// same port serves meanwhile. Every test has an origin and a path of its own.

let world: World;
let port = 0;
let paths = 0;
const rest = new AsyncDisposableStack();

beforeAll(async () => {
  port = await reservePort();
  const good = manifest(server('good', port, [route('/good', 'good')]), mock('good', 'good'));
  world = rest.use(await startWorld({ manifests: { 'good.yaml': good } }));
});

afterAll(() => rest.disposeAsync());

interface Place {
  /** `/p1/…` leads to the origin. */
  readonly at: string;
  readonly origin: RawOrigin;
}

/** An origin that does `act` with every request, and a path that leads to it. */
async function place(
  act: (connection: RawConnection, request: string) => void,
  pool = {},
  filter = {},
): Promise<Place> {
  const origin = rest.use(
    await startRawOrigin((connection) => connection.onRequest((request) => act(connection, request))),
  );
  return { at: await lead(origin.port, pool, filter), origin };
}

async function lead(to: number, pool = {}, filter = {}): Promise<string> {
  const name = `p${paths++}`;
  const rules = [{ host: `${name}.test`, paths: [route('/', name)] }];
  await world.write(`${name}.yaml`, manifest(server(name, port, [], { rules }), proxying(name, to, pool, filter)));
  return name;
}

const at = (name: string): string => get(`/${name}`, `${name}.test`);

/** Status and body of the faulty path, with the neighbour looked at afterwards. */
async function outcome(name: string): Promise<string> {
  const { status, body } = await world.ask(port, at(name));
  expect((await world.get(port, '/good')).body).toBe('good');
  return `${status} ${JSON.stringify(body)}`;
}

async function blamed(name: string): Promise<string> {
  const line = await world.logged(`/${name}`);
  return `${String(line['easegress.layer'])} ${String(line['error.type'])}`;
}

describe('an upstream', () => {
  it('whose name does not resolve: 503', async () => {
    const name = await lead(0, { servers: [{ url: 'http://no-such-name.invalid:80' }] });
    expect(await outcome(name)).toBe('503 ""');
    expect(await blamed(name)).toBe('upstream NoEndpoint');
  });

  it('that is down: 503, and served as soon as it is back', async () => {
    const down = await reservePort();
    const name = await lead(down);
    expect(await outcome(name)).toBe('503 ""');
    expect(await blamed(name)).toBe('upstream ConnectFailed');
    rest.use(await startEchoUpstream('back', down));
    expect((await world.ask(port, at(name))).status).toBe(200);
  });

  it('that is stated by name is served, whatever other addresses the name has', async () => {
    const alive = rest.use(
      await startRawOrigin((connection) => connection.onRequest(() => connection.send(answer('ok')))),
    );
    const name = await lead(0, { servers: [{ url: `http://localhost:${alive.port}` }] });
    const codes: number[] = [];
    for (let n = 0; n < 8; n++) codes.push((await world.ask(port, at(name))).status);
    expect(codes).toEqual(Array(8).fill(200));
  });

  it('that is slow: 408 after the time-out of the pool, and the request is given up', async () => {
    const { at: name, origin } = await place(() => {}, { timeout: '100ms' });
    expect(await outcome(name)).toBe('408 ""');
    expect(await blamed(name)).toBe('upstream UpstreamTimeout');
    await origin.connections[0]?.until(({ closed, ended }) => closed || ended);
  });

  it('that resets the connection instead of answering: 503', async () => {
    const { at: name } = await place((connection) => connection.reset());
    expect(await outcome(name)).toBe('503 ""');
    expect(await blamed(name)).toBe('upstream UpstreamReset');
  });

  it('that closes the connection instead of answering: 503', async () => {
    const { at: name } = await place((connection) => connection.end());
    expect(await outcome(name)).toBe('503 ""');
    expect(await blamed(name)).toBe('upstream UpstreamReset');
  });

  it.each([
    ['with Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
  ])('that resets in the middle of a body %s: the client is cut off, never told an end', async (_, text) => {
    const { at: name, origin } = await place((connection) => connection.send(text));
    await using connection = new KeptConnection(port);
    connection.raw.send(at(name));
    await connection.raw.untilReceived('part');
    origin.connections[0]?.reset();
    await connection.raw.until(({ closed }) => closed);
    expect(connection.raw.received).not.toContain('\r\n0\r\n\r\n');
    expect(connection.raw.error).toBe('ECONNRESET');
    expect(await blamed(name)).toMatch(/^upstream /);
    expect((await world.get(port, '/good')).body).toBe('good');
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
    ],
    ['a field with a NUL', 'HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
    ['a head that never ends', `HTTP/1.1 200 OK\r\n${'X-Long: '.padEnd(1000, 'x')}\r\n`.repeat(200)],
    ['a hundred thousand fields', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(100_000)}\r\n`],
  ])('that sends garbage, %s: 502, and that connection is never used again', async (_, text) => {
    const { at: name, origin } = await place((connection) => connection.send(text));
    expect(await outcome(name)).toBe('502 ""');
    expect(await blamed(name)).toBe('upstream UpstreamProtocol');
    await origin.connections[0]?.until(({ closed, ended }) => closed || ended);
  });

  it('that sends more than it announced: the answer is right, and what follows reaches nobody', async () => {
    const { at: name, origin } = await place((connection) => {
      connection.send(`${answer('ok')}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
    });
    await using connection = new KeptConnection(port);
    for (let n = 1; n <= 3; n++) expect((await connection.ask(at(name))).body).toBe('ok');
    expect(origin.connections).toHaveLength(3);
  });

  it('that announces too much: 500 before a byte of it', async () => {
    const { at: name } = await place(
      (connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'),
      {},
      { serverMaxBodySize: 100 },
    );
    expect(await outcome(name)).toBe('500 ""');
    expect(await blamed(name)).toBe('upstream UpstreamTooLarge');
  });

  it('that sends too much unannounced: cut off, and the upstream reset', async () => {
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const { at: name, origin } = await place(
      (connection) => connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(200)}`),
      {},
      { serverMaxBodySize: 100_000 },
    );
    await using connection = new KeptConnection(port);
    connection.raw.send(at(name));
    await connection.raw.until(({ closed }) => closed);
    expect(connection.raw.received.length).toBeLessThan(110_000);
    expect(connection.raw.received.endsWith('0\r\n\r\n')).toBe(false);
    await origin.connections[0]?.until(({ closed, ended }) => closed || ended);
    expect(await blamed(name)).toBe('upstream UpstreamTooLarge');
    expect((await world.get(port, '/good')).body).toBe('good');
  });

  it('that ends its direction after an answer (half-closed): the next request gets a connection of its own', async () => {
    const { at: name, origin } = await place((connection) => connection.end(answer('ok')));
    await using connection = new KeptConnection(port);
    for (let n = 1; n <= 3; n++) expect(await connection.ask(at(name))).toMatchObject({ status: 200, body: 'ok' });
    expect(origin.connections).toHaveLength(3);
  });

  it('that closes an idle connection in the moment of a request: the request is sent again', async () => {
    const { at: name, origin } = await place((connection) => {
      if (connection === origin.connections[0] && origin.requests.length > 1) connection.reset();
      else connection.send(answer('ok'));
    });
    await using connection = new KeptConnection(port);
    expect((await connection.ask(at(name))).body).toBe('ok');
    expect(await connection.ask(at(name))).toMatchObject({ status: 200, body: 'ok' });
    expect(origin.connections).toHaveLength(2);
  });

  it('that resets a POST on a kept connection: 503, never sent twice', async () => {
    const { at: name, origin } = await place((connection, request) => {
      if (request.startsWith('POST')) connection.reset();
      else connection.send(answer('ok'));
    });
    await using connection = new KeptConnection(port);
    await connection.ask(at(name));
    const got = await connection.ask(post('/', 'pay').replace('a.test', `${name}.test`));
    expect(got.status).toBe(503);
    expect(origin.requests.filter((request) => request.startsWith('POST'))).toHaveLength(1);
  });

  it('that answers early and reads no more of the body: the answer arrives', async () => {
    const origin = rest.use(
      await startRawOrigin((connection) => {
        void connection
          .until(({ received }) => received.includes('\r\n\r\n'))
          .then(() => {
            connection.socket.pause();
            connection.send('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
          });
      }),
    );
    const name = await lead(origin.port);
    await using connection = new KeptConnection(port);
    connection.raw.send(`POST / HTTP/1.1\r\nHost: ${name}.test\r\nContent-Length: 1000000\r\n\r\n`);
    connection.raw.send('x'.repeat(1_000_000));
    expect((await connection.next()).status).toBe(413);
  });
});
