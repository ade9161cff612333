import { afterEach, describe, expect, it } from 'vitest';
import { RawClient } from '#test/support/raw-client.ts';
import { type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { RequestWorld, type WorldText } from '#test/support/request-world.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { proxy } from '#proxy/filters/proxy/filter.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { openListener } from '#proxy/listeners/listener.ts';
import { formatText } from '#proxy/runtime/access-log-text.ts';

// Request path, Proxy filter, upstream and both roles of HTTP/1.1 on real sockets: what the client gets, what reaches
// the origin, and whom the record blames.

let open = new AsyncDisposableStack();

interface Place {
  readonly world: RequestWorld;
  readonly origin: RawOrigin;
  readonly client: () => RawClient;
}

async function place(text: WorldText = {}, answer: Parameters<typeof startRawOrigin>[0] = ok): Promise<Place> {
  open = new AsyncDisposableStack();
  const origin = open.use(await startRawOrigin(answer));
  const upstreams = open.use(new TestUpstreams());
  const content = upstreamContentOf({ port: origin.port });
  const world = new RequestWorld({
    kinds: [proxy],
    upstreams: { up: upstreams.create(content) },
    pipelines: { main: { filters: [proxyFilter] } },
    ...text,
  });
  const listener = await openListener({
    content: listenerContent(),
    handler: world.handler,
    limits: connectionLimits,
    reusePort: false,
    connections: new Int32Array(new SharedArrayBuffer(4)),
  });
  open.defer(() => listener.close());
  return { world, origin, client: () => open.use(new RawClient(listener.port)) };
}

const proxyFilter = {
  name: 'proxy',
  kind: 'Proxy',
  spec: proxy.schema.spec.parse({ pools: [{}] }),
  upstreams: { 'pools[0]': 'up' },
};

const ok: Parameters<typeof startRawOrigin>[0] = (connection) => {
  connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
};

const get = 'GET /a?q HTTP/1.1\r\nHost: a.test\r\n\r\n';

afterEach(() => open.disposeAsync());

describe('a request', () => {
  it('goes to the origin and back, and its line tells the way', async () => {
    const { world, origin, client } = await place();
    await client().send(get).untilReceived('ok');
    expect(origin.requests[0]).toMatch(/^GET \/a\?q HTTP\/1\.1\r\n/);
    await world.waitForRecords(1);
    expect(world.record).toMatchObject({ status: 200, error: null, method: 'GET', target: '/a?q' });
    expect(world.record.upstreams).toMatchObject([{ upstream: 'upstream/test', status: 200, error: null }]);
    expect(formatText(world.record, '{{Tags}}')).toMatch(
      /^pipeline\(main\): proxy\([\d.]+(us|ms)\) \| proxy#main#duration: [\d.]+(us|ms) 127\.0\.0\.1:\d+$/,
    );
  });

  it('to an origin that is down is answered 503, empty, and blames the upstream', async () => {
    const { world, origin, client } = await place();
    await origin.close();
    const received = (await client().send(get).untilReceived('\r\n\r\n')).received;
    expect(received).toMatch(/^HTTP\/1\.1 503 /);
    expect(received).toMatch(/content-length: 0/i);
    expect(received).not.toContain(String(origin.port));
    expect(world.record).toMatchObject({ status: 503, error: 'ConnectFailed', errorLayer: 'upstream' });
    expect(world.record.traces[0]?.steps[0]?.result).toBe('serverError');
  });

  it('whose answer breaks off is broken off, never ended cleanly', async () => {
    const { world, client } = await place({}, (connection) => {
      connection.onRequest(() => connection.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart'));
    });
    const raw = client().send(get);
    await raw.until(() => raw.closed || raw.ended);
    await world.waitForRecords(1);
    expect(raw.received).toContain('part');
    expect(raw.error).toBe('ECONNRESET');
    expect(world.record).toMatchObject({ status: 200, errorLayer: 'upstream' });
  });
});

describe('a filter that throws', () => {
  it('costs its request a 500, and the connection serves the next one', async () => {
    let broken = true;
    const { world, client } = await place({
      pipelines: { main: { filters: [{ name: 'fragile' }, proxyFilter] } },
      scripts: {
        fragile: () => {
          if (broken) throw new Error('inside');
          return '';
        },
      },
    });
    const raw = await client().send(get).untilReceived('\r\n\r\n');
    expect(raw.received).toMatch(/^HTTP\/1\.1 500 /);
    expect(raw.received).not.toContain('inside');
    broken = false;
    await raw.send(get).untilReceived('ok');
    expect(world.records.map(({ status, error }) => [status, error])).toEqual([
      [500, 'FilterFailed'],
      [200, null],
    ]);
  });
});

describe('a client that leaves', () => {
  it('is a 499 of its own, and the upstream is given up without blame', async () => {
    const { world, origin, client } = await place({}, (connection) => connection.onRequest(() => {}));
    const raw = client().send(get);
    await origin.waitForRequests(1);
    raw.reset();
    await world.waitForRecords(1);
    const upstreams = [{ error: 'ClientAbort', status: 0 }];
    expect(world.record).toMatchObject({ status: 499, error: 'ClientAbort', errorLayer: 'listener', upstreams });
    await origin.connections[0]?.until(({ closed, ended }) => closed || ended);
  });
});

describe('a body over the limit', () => {
  const limit = { owner: { clientMaxBodySize: 4 } };

  it('that is declared is refused before the origin hears of it', async () => {
    const { world, origin, client } = await place(limit);
    const raw = client().send('POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n');
    await raw.untilReceived('\r\n\r\n');
    expect(raw.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(origin.connections).toHaveLength(0);
    await world.waitForRecords(1);
    expect(world.record).toMatchObject({ status: 413, error: 'PayloadTooLarge', tags: ['bodyLimit'] });
  });

  it('that turns out so resets the origin and closes the client after 413', async () => {
    const { world, origin, client } = await place(limit, () => {});
    const raw = client().send('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    await origin.waitForConnections(1);
    const [connection] = origin.connections;
    await connection?.until(({ received }) => received.includes('abc'));
    raw.send('3\r\ndef\r\n');
    expect(await raw.untilEnd()).toMatch(/^HTTP\/1\.1 413 /);
    await connection?.until(({ closed, ended }) => closed || ended);
    expect(connection?.received).not.toContain('\r\n0\r\n');
    await world.waitForRecords(1);
    expect(world.record).toMatchObject({ status: 413, error: 'PayloadTooLarge', tags: ['bodyLimit'] });
    expect(world.record.upstreams).toMatchObject([{ error: 'PayloadTooLarge', status: 0 }]);
  });
});

describe('methods that no gateway forwards', () => {
  it.each([
    ['OPTIONS / with Max-Forwards: 0 (row 51)', 'OPTIONS / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n', 204],
    ['OPTIONS * (row 53)', 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n', 204],
    ['CONNECT (row 54)', 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n', 501],
    ['TRACE (row 55)', 'TRACE / HTTP/1.1\r\nHost: a.test\r\nCookie: a=canary\r\n\r\n', 405],
  ])('%s', async (_, request, status) => {
    const { origin, client } = await place();
    const raw = await client().send(request).untilReceived('\r\n\r\n');
    expect(raw.received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(raw.received).not.toContain('canary');
    expect(origin.connections).toHaveLength(0);
  });

  it('OPTIONS with Max-Forwards: 5 reaches the origin as 4 (row 52)', async () => {
    const { origin, client } = await place();
    await client().send('OPTIONS / HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 5\r\n\r\n').untilReceived('ok');
    expect(origin.requests[0]).toMatch(/\r\nMax-Forwards: 4\r\n/i);
  });
});
