// Router, pipeline, Proxy filter and both engines on real sockets: what HTTP/2 becomes on its way to an origin that
// speaks HTTP/1.1, the other way round, and what stays of it between two that speak HTTP/2.

import { afterEach, describe, expect, it } from 'vitest';
import { proxy } from '#proxy/filters/proxy/filter.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { errorCode } from '#proxy/http2/frames.ts';
import { openListener } from '#proxy/listeners/listener.ts';
import { Http2Origin } from '#test/support/http2-origin.ts';
import { get, Http2Peer, post, type Fields } from '#test/support/http2-peer.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { startRawOrigin } from '#test/support/raw-origin.ts';
import { RequestWorld } from '#test/support/request-world.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';

let open = new AsyncDisposableStack();
afterEach(() => open.disposeAsync());

async function gateway(port: number, protocol: 'http1' | 'http2'): Promise<{ port: number; world: RequestWorld }> {
  const upstreams = open.use(new TestUpstreams());
  const content = upstreamContentOf({ servers: [{ port, protocol }] });
  const world = new RequestWorld({
    kinds: [proxy],
    upstreams: { up: upstreams.create(content) },
    pipelines: { main: { filters: [proxyFilter] } },
  });
  const listener = await openListener({
    content: listenerContent(),
    handler: world.handler,
    limits: connectionLimits,
    reusePort: false,
    connections: new Int32Array(new SharedArrayBuffer(4)),
  });
  open.defer(() => listener.close());
  return { port: listener.port, world };
}

const proxyFilter = {
  name: 'proxy',
  kind: 'Proxy',
  spec: proxy.schema.spec.parse({ pools: [{}] }),
  upstreams: { 'pools[0]': 'up' },
};

const ok: Fields = [[':status', '200']];

describe('HTTP/2 to HTTP/1.1', () => {
  async function place(
    answer: Parameters<typeof startRawOrigin>[0],
  ): Promise<{ client: Http2Peer; origin: Awaited<ReturnType<typeof startRawOrigin>> }> {
    open = new AsyncDisposableStack();
    const origin = open.use(await startRawOrigin(answer));
    const { port } = await gateway(origin.port, 'http1');
    return { client: open.use(Http2Peer.client(port)).hello(), origin };
  }

  it('a head: Host from :authority, cookies in one field, and nothing of HTTP/2', async () => {
    const { client, origin } = await place((connection) =>
      connection.onRequest(() =>
        connection.send(
          'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: x\r\nContent-Length: 2\r\n\r\nok',
        ),
      ),
    );
    client.headers(1, [...get, ['cookie', 'a=1'], ['te', 'trailers'], ['priority', 'u=1'], ['cookie', 'b=2']]);
    await client.untilDone(1);
    const received = origin.connections[0]?.received ?? '';
    expect(received.split('\r\n')[0]).toBe('GET / HTTP/1.1');
    expect(received).toContain('\r\nHost: a.test\r\n');
    expect(received).toContain('\r\ncookie: a=1; b=2\r\n');
    expect(received).toContain('\r\npriority: u=1\r\n');
    expect(received).not.toMatch(/\r\n(:|te:|connection:|transfer-encoding:|content-length:)/i);
    expect([client.status(1), client.text(1)]).toEqual([200, 'ok']);
    expect(client.heads.get(1)?.[0]?.headers.getAll('set-cookie')).toEqual(['a', 'b']);
    expect(client.heads.get(1)?.[0]?.headers.has('connection')).toBe(false);
  });

  it('a body without content-length is chunked, with its trailers; so is the answer', async () => {
    const { client, origin } = await place((connection) =>
      connection.onRequest(() =>
        connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n'),
      ),
    );
    client
      .headers(1, post, 0)
      .data(1, 'hello')
      .headers(1, [['x-sum', '5']]);
    await client.untilDone(1);
    expect(origin.connections[0]?.received).toMatch(
      /transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n$/i,
    );
    expect(client.text(1)).toBe('abc');
    expect(client.heads.get(1)?.[1]?.headers.get('grpc-status')).toBe('0');
  });

  it('interim answers come through, and a HEAD keeps its content-length', async () => {
    const { client } = await place((connection) =>
      connection.onRequest(() =>
        connection.send(
          'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
        ),
      ),
    );
    client.headers(1, [[':method', 'HEAD'], ...get.slice(1)]);
    await client.untilDone(1);
    expect(client.heads.get(1)?.map((head) => head.status)).toEqual([103, 200]);
    expect(client.heads.get(1)?.[1]?.headers.get('content-length')).toBe('1000');
    expect(client.text(1)).toBe('');
  });

  it('content-length that lies aborts the request at the origin', async () => {
    const { client, origin } = await place((connection) => connection.onRequest(() => {}));
    client.headers(1, [...post, ['content-length', '10']], 0).data(1, 'hello');
    while ((origin.connections[0]?.received ?? '').includes('hello') === false)
      await new Promise((resolve) => setTimeout(resolve, 5));
    client.data(1, '', true);
    await client.until(() => client.resetCode(1) === errorCode.protocolError);
    await origin.connections[0]?.until((each) => each.closed || each.ended);
  });

  it('an origin that breaks off in the middle resets the stream, not the connection', async () => {
    let calls = 0;
    const { client } = await place((connection) =>
      connection.onRequest(() => {
        if (calls++ > 0) return connection.send('HTTP/1.1 204 No\r\n\r\n');
        connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
        return connection.end();
      }),
    );
    client.headers(1, get);
    await client.until(() => client.resetCode(1) !== -1);
    expect([client.resetCode(1), client.done(1)]).toEqual([errorCode.internalError, false]);
    await client.headers(3, get).untilDone(3);
    expect(client.status(3)).toBe(204);
  });
});

describe('HTTP/1.1 to HTTP/2', () => {
  it('head, chunked body, interim answer and trailers', async () => {
    open = new AsyncDisposableStack();
    const origin = open.use(await Http2Origin.start());
    const { port } = await gateway(origin.port, 'http2');
    const client = open.use(new RawClient(port));
    client.send(
      'POST /p HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE, X-Hop\r\nX-Hop: 1\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n',
    );
    const peer = await origin.request(0, 1);
    await peer.untilDone(1);
    expect(peer.heads.get(1)?.[0]).toMatchObject({ method: 'POST', path: '/p', authority: 'a.test' });
    expect(peer.heads.get(1)?.[0]?.headers.has('x-hop')).toBe(false);
    expect([peer.text(1), peer.heads.get(1)?.[1]?.headers.get('x-sum')]).toEqual(['abc', '3']);
    peer
      .headers(
        1,
        [
          [':status', '103'],
          ['link', '</a>'],
        ],
        0,
      )
      .headers(1, [...ok, ['x-b', '1']], 0)
      .data(1, 'body');
    peer.headers(1, [['grpc-status', '0']]);
    await client.untilReceived('0\r\ngrpc-status: 0\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 103 .*\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 200 OK\r\nx-b: 1\r\n/);
    expect(client.received).toContain('\r\n4\r\nbody\r\n');
  });
});

describe('HTTP/2 to HTTP/2', () => {
  async function place(): Promise<{ client: Http2Peer; origin: Http2Origin; world: RequestWorld }> {
    open = new AsyncDisposableStack();
    const origin = open.use(await Http2Origin.start());
    const { port, world } = await gateway(origin.port, 'http2');
    return { client: open.use(Http2Peer.client(port)).hello(), origin, world };
  }

  it('a stream of messages in both directions at once, as gRPC has it', async () => {
    const { client, origin } = await place();
    client.headers(1, [...post, ['content-type', 'application/grpc'], ['te', 'trailers'], ['x-bin', 'AAE']], 0);
    const peer = await origin.request(0, 1);
    peer.headers(1, ok, 0);
    for (let i = 0; i < 5; i++) {
      client.data(1, `ask ${i};`);
      await peer.until(() => peer.text(1).endsWith(`ask ${i};`));
      peer.data(1, `answer ${i};`);
      await client.until(() => client.text(1).endsWith(`answer ${i};`));
    }
    client.data(1, '', true);
    await peer.untilDone(1);
    peer.headers(1, [
      ['grpc-status', '0'],
      ['grpc-message', 'fine'],
    ]);
    await client.untilDone(1);
    expect(client.heads.get(1)?.[1]?.headers.names).toEqual(['grpc-status', 'grpc-message']);
    expect(peer.heads.get(1)?.[0]?.headers.get('x-bin')).toBe('AAE');
  });

  it('trailers alone are a head that ends the stream', async () => {
    const { client, origin } = await place();
    client.headers(1, post, 0);
    (await origin.request(0, 1)).headers(1, [...ok, ['grpc-status', '12']]);
    await client.untilDone(1);
    expect(client.heads.get(1)).toHaveLength(1);
    expect(client.heads.get(1)?.[0]?.headers.get('grpc-status')).toBe('12');
  });

  it('requests of one connection are balanced and multiplexed: one connection to the origin', async () => {
    const { client, origin } = await place();
    await client.headers(1, get).until(() => true);
    (await origin.request(0, 1)).headers(1, ok);
    await client.untilDone(1);
    for (let i = 1; i <= 20; i++) client.headers(2 * i + 1, get);
    const peer = await origin.request(0, 41);
    for (let i = 20; i >= 1; i--) peer.headers(2 * i + 1, ok);
    for (let i = 1; i <= 20; i++) await client.untilDone(2 * i + 1);
    expect(origin.connections).toHaveLength(1);
  });

  it('CANCEL of the client is CANCEL at the origin, and counts against nobody', async () => {
    const { client, origin, world } = await place();
    client.headers(1, get);
    const peer = await origin.request(0, 1);
    client.reset(1);
    await peer.until(() => peer.resetCode(1) === errorCode.cancel);
    expect(peer.over).toBe(false);
    while (world.records.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(world.records[0]?.error).toBe('ClientAbort');
  });

  it('a reset of the origin is a 503 before the head, and a reset after it', async () => {
    const { client, origin } = await place();
    client.headers(1, get).headers(3, get);
    const peer = await origin.request(0, 3);
    peer.reset(1, errorCode.refusedStream).headers(3, ok, 0).data(3, 'x').reset(3, errorCode.internalError);
    await client.until(() => client.done(1) && client.resetCode(3) !== -1);
    expect([client.status(1), client.status(3), client.resetCode(3)]).toEqual([503, 200, errorCode.internalError]);
  });

  it('an origin that is slow holds the client back', async () => {
    const { client, origin } = await place();
    client.headers(1, post, 0);
    const peer = await origin.request(0, 1);
    let sent = 0;
    // What the origin (64 KiB), the gateway's queue and the window of the client's stream take together.
    for (; sent < 16; sent++) client.data(1, Buffer.alloc(16_384));
    await peer.until(() => peer.text(1).length === 65_535);
    client.frame(6, 0, 0, '12345678');
    await client.until(() => client.frames.some((each) => each.type === 6));
    const opened = client.frames.filter((each) => each.type === 8 && each.stream === 1);
    expect(opened.reduce((sum, each) => sum + each.payload.readUInt32BE(0), 0)).toBeLessThanOrEqual(256 * 1024);
    peer.window(0, 1 << 20).window(1, 1 << 20);
    client.data(1, '', true);
    await peer.untilDone(1);
    expect(peer.text(1).length).toBe(sent * 16_384);
  });
});
