import { createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { UpstreamContent } from '#proxy/contract/units.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { errorCode, flag, frameType, setting } from '#proxy/http2/frames.ts';
import { startHttp1 } from '#test/support/http1-kit.ts';
import { Http2Origin } from '#test/support/http2-origin.ts';
import type { Fields, Http2Peer } from '#test/support/http2-peer.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { ask, makeRequest, PushBody, textBody } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';

const ok: Fields = [[':status', '200']];

function http2(port: number, content: Partial<UpstreamContent> = {}): UpstreamContent {
  const whole = upstreamContentOf({ port, content });
  return { ...whole, servers: whole.servers.map((server) => ({ ...server, protocol: 'http2' as const })) };
}

describe('an upstream that speaks HTTP/2', () => {
  it('sends head, body and trailers, and gets them back', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const body = new PushBody();
    const headers = HeaderList.of(
      ['X-A', '1'],
      ['Connection', 'x-hop'],
      ['Proxy-Authorization', 'x'],
      ['Cookie', 'a=1; b=2'],
    );
    const asked = ask(
      upstreams.create(http2(origin.port)),
      makeRequest({ method: 'POST', target: '/p?q', headers, body }),
    );
    const peer = await origin.request(0, 1);
    expect(peer.heads.get(1)?.[0]).toMatchObject({ method: 'POST', path: '/p?q', authority: 'a.test' });
    expect(peer.heads.get(1)?.[0]?.headers.names).toEqual(['x-a', 'cookie', 'via']);
    body.push('one');
    body.end(HeaderList.of(['x-sum', '3']));
    await peer.untilDone(1);
    expect(peer.text(1)).toBe('one');
    expect(peer.heads.get(1)?.[1]?.headers.get('x-sum')).toBe('3');
    peer.headers(1, [[':status', '100']], 0).headers(
      1,
      [
        [':status', '103'],
        ['link', '</a>'],
      ],
      0,
    );
    peer.headers(1, [...ok, ['x-b', '2'], ['alt-svc', 'h3=":443"']], 0).data(1, 'two');
    peer.headers(1, [['grpc-status', '0']]);
    const answer = await asked;
    expect([answer.status, answer.text, answer.trailers?.get('grpc-status')]).toEqual([200, 'two', '0']);
    expect(answer.headers.names).toEqual(['x-b', 'Via']);
    expect(answer.interim.map(([status]) => status)).toEqual([103]);
  });

  it('shares one connection among many requests, and opens another only when it is full', async () => {
    await using origin = await Http2Origin.start((peer) => peer.settings([[setting.maxConcurrentStreams, 3]]));
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const asked = Array.from({ length: 5 }, () => ask(upstream));
    const first = await origin.request(0, 5);
    const second = await origin.request(1, 3);
    expect(origin.connections).toHaveLength(2);
    expect(upstream.stats()).toMatchObject({ open: 2, idle: 0, active: 5 });
    for (const stream of [1, 3, 5]) first.headers(stream, ok);
    for (const stream of [1, 3]) second.headers(stream, ok);
    await Promise.all(asked);
    expect(upstream.stats()).toMatchObject({ open: 2, idle: 2, active: 0 });
    const again = ask(upstream);
    (await origin.request(0, 7)).headers(7, ok);
    expect((await again).status).toBe(200);
  });

  it('closes connections that are idle for 90 s, with GOAWAY', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const asked = ask(upstream);
    const peer = (await origin.request(0, 1)).headers(1, ok);
    await asked;
    upstreams.clock.advance(90_000);
    await peer.untilOver();
    expect([peer.goaway, upstream.stats().idle]).toEqual([0, 0]);
  });

  it('GOAWAY: what was not looked at goes to a fresh connection, what was is finished', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const warm = ask(upstream);
    const peer = (await origin.request(0, 1)).headers(1, ok);
    await warm;
    const seen = ask(upstream);
    const unseen = ask(upstream, makeRequest({ method: 'POST', body: textBody('x') }));
    await origin.request(0, 5);
    peer.frame(frameType.goaway, 0, 0, Buffer.from([0, 0, 0, 3, 0, 0, 0, 0]));
    const next = await origin.request(1, 1);
    expect(next.heads.get(1)?.[0]?.method).toBe('POST');
    next.headers(1, ok);
    peer.headers(3, ok);
    expect([(await seen).status, (await unseen).status]).toEqual([200, 200]);
    await peer.untilOver();
  });

  it('REFUSED_STREAM is sent again on another connection', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const warm = ask(upstream);
    const peer = (await origin.request(0, 1)).headers(1, ok);
    await warm;
    const asked = ask(upstream, makeRequest({ method: 'POST', body: textBody('x') }));
    (await origin.request(0, 3)).reset(3, errorCode.refusedStream);
    (await origin.request(1, 1)).headers(1, ok);
    expect((await asked).status).toBe(200);
    expect(peer.over).toBe(false);
  });

  it('a cancelled call resets its stream alone', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const other = ask(upstream);
    const peer = await origin.request(0, 1);
    const call = upstream.send(makeRequest(), { inform() {}, head() {}, error() {} });
    await origin.request(0, 3);
    call.cancel(new ProxyError('ClientAbort', ''));
    await peer.until(() => peer.resetCode(3) === errorCode.cancel);
    peer.headers(1, ok);
    expect((await other).status).toBe(200);
    expect(upstream.stats().active).toBe(0);
  });

  it('holds an origin back whose answer nobody reads, and takes the rest later', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    let source: { start(sink: unknown): void } | null = null;
    upstream.send(makeRequest(), { inform() {}, head: (_, body) => (source = body as never), error() {} });
    const peer = (await origin.request(0, 1)).headers(1, ok, 0);
    for (let i = 0; i < 16; i++) peer.data(1, Buffer.alloc(16_384, 'a'));
    peer.frame(frameType.ping, 0, 0, '12345678');
    await peer.until(() => peer.of(frameType.ping, 0).length === 1);
    expect(peer.of(frameType.windowUpdate, 1)).toEqual([]);
    let size = 0;
    (source as unknown as { start(sink: unknown): void }).start({
      chunk: (data: Buffer) => (size += data.length),
      end() {},
      error() {},
    });
    await peer.until(() => peer.of(frameType.windowUpdate, 1).length > 0);
    expect(size).toBe(16 * 16_384);
  });

  it('sends a body no faster than the windows of the origin open', async () => {
    await using origin = await Http2Origin.start((peer) => peer.settings([[setting.initialWindowSize, 10]]));
    using upstreams = new TestUpstreams();
    const body = new PushBody();
    const asked = ask(upstreams.create(http2(origin.port)), makeRequest({ method: 'POST', body }));
    const peer = await origin.request(0, 1);
    body.push(Buffer.alloc(100_000, 'b'));
    await peer.until(() => peer.text(1).length === 10);
    expect(body.paused).toBe(true);
    peer.window(1, 200_000).window(0, 200_000);
    await peer.until(() => peer.text(1).length === 100_000);
    await body.until((each) => !each.paused);
    body.end();
    await peer.untilDone(1);
    peer.headers(1, ok);
    expect((await asked).status).toBe(200);
  });

  it('an answer before the whole request stops the request', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const body = new PushBody();
    const asked = ask(upstreams.create(http2(origin.port)), makeRequest({ method: 'POST', body }));
    const peer = await origin.request(0, 1);
    body.push('x');
    peer.headers(1, [[':status', '413']]);
    expect((await asked).status).toBe(413);
    await peer.until(() => peer.resetCode(1) !== -1);
    expect([peer.resetCode(1), body.cancelled]).toEqual([errorCode.noError, null]);
  });

  const hostile: [string, (peer: Http2Peer) => void, string][] = [
    ['a connection-specific field', (peer) => peer.headers(1, [...ok, ['connection', 'x']]), 'UpstreamProtocol'],
    ['no :status', (peer) => peer.headers(1, [['x', '1']]), 'UpstreamProtocol'],
    [':status that is no number', (peer) => peer.headers(1, [[':status', '2x0']]), 'UpstreamProtocol'],
    ['101', (peer) => peer.headers(1, [[':status', '101']], 0), 'UpstreamProtocol'],
    [
      'interim answers without end',
      (peer) => {
        for (let i = 0; i < 20; i++) peer.headers(1, [[':status', '102']], 0);
      },
      'UpstreamProtocol',
    ],
    ['an interim answer that ends the stream', (peer) => peer.headers(1, [[':status', '103']]), 'UpstreamProtocol'],
    ['DATA before a head', (peer) => peer.data(1, 'x'), 'UpstreamProtocol'],
    ['content-length without DATA', (peer) => peer.headers(1, [...ok, ['content-length', '5']]), 'UpstreamProtocol'],
    [
      'PUSH_PROMISE (H2-push-off)',
      (peer) => peer.frame(frameType.pushPromise, flag.endHeaders, 1, Buffer.of(0, 0, 0, 2)),
      'UpstreamProtocol',
    ],
    ['HEADERS on a stream that nobody opened', (peer) => peer.headers(7, ok), 'UpstreamProtocol'],
    ['a stream of its own', (peer) => peer.headers(2, ok), 'UpstreamProtocol'],
    ['a window of 0', (peer) => peer.window(0, 0), 'UpstreamProtocol'],
    ['ENABLE_PUSH', (peer) => peer.settings([[setting.enablePush, 1]]), 'UpstreamProtocol'],
    [
      'a block that cannot be decoded',
      (peer) => peer.frame(frameType.headers, 5, 1, Buffer.of(0x80)),
      'UpstreamProtocol',
    ],
    [
      'a head of 10 MB',
      (peer) => {
        peer.frame(frameType.headers, 0, 1, '');
        for (let i = 0; i < 640; i++) peer.frame(frameType.continuation, 0, 1, Buffer.alloc(16_384));
      },
      'UpstreamProtocol',
    ],
    [
      'a field list over the limit',
      (peer) => peer.headers(1, [...ok, ...Array.from({ length: 101 }, (_, i): [string, string] => [`x-${i}`, ''])]),
      'UpstreamProtocol',
    ],
    ['a reset', (peer) => peer.reset(1, errorCode.internalError), 'UpstreamReset'],
    ['its end', (peer) => peer.socket.end(), 'UpstreamReset'],
  ];
  it.each(hostile)('%s of the origin fails the call, and the next one is served', async (_, act, code) => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const asked = ask(upstream, makeRequest({ method: 'POST' }));
    act(await origin.request(0, 1));
    const answer = await asked;
    expect(answer.failure?.code).toBe(code);
    const next = ask(upstream);
    let served = false;
    const serve = (peer: Http2Peer): void => {
      const stream = [...peer.heads.keys()].find((id) => peer.heads.get(id)?.[0]?.method === 'GET');
      if (stream === undefined || served) return;
      served = true;
      peer.headers(stream, ok);
    };
    const timer = setInterval(() => origin.connections.forEach(serve), 5);
    expect((await next).status).toBe(200);
    clearInterval(timer);
    expect(upstream.stats().active).toBe(0);
  });

  it.each([
    [
      'DATA beyond content-length',
      (peer: Http2Peer) => peer.headers(1, [...ok, ['content-length', '2']], 0).data(1, 'abc', true),
    ],
    [
      'less DATA than content-length',
      (peer: Http2Peer) => peer.headers(1, [...ok, ['content-length', '4']], 0).data(1, 'abc', true),
    ],
    ['a reset in the middle', (peer: Http2Peer) => peer.headers(1, ok, 0).data(1, 'abc').reset(1)],
    [
      'DATA beyond its window',
      (peer: Http2Peer) => {
        peer.headers(1, ok, 0);
        for (let i = 0; i < 100; i++) peer.data(1, Buffer.alloc(16_384));
      },
    ],
  ])('%s breaks the body', async (title, act) => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    if (title.includes('window')) {
      const failed = new Promise<string>((resolve) => {
        upstream.send(makeRequest(), {
          inform() {},
          head: (_, body) => {
            body?.pause();
            body?.start({ chunk() {}, end: () => resolve('end'), error: (cause) => resolve(cause.code) });
          },
          error: (cause) => resolve(cause.code),
        });
      });
      act(await origin.request(0, 1));
      expect(await failed).toBe('UpstreamProtocol');
      return;
    }
    const asked = ask(upstream);
    act(await origin.request(0, 1));
    expect((await asked).bodyError?.code).toMatch(/^Upstream/);
  });

  it('an origin that does not speak HTTP/2 is a failed connection', async () => {
    await using origin = await Http2Origin.start((peer) =>
      peer.raw('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    );
    using upstreams = new TestUpstreams();
    const answer = await ask(upstreams.create(http2(origin.port)));
    expect(answer.failure?.code).toBe('UpstreamProtocol');
  });

  it('HEAD, 204 and 304 have no body, also when the end comes in an empty DATA frame', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(http2(origin.port));
    const asked = ask(upstream, makeRequest({ method: 'HEAD' }));
    const peer = await origin.request(0, 1);
    peer.headers(1, [...ok, ['content-length', '1000']], 0).data(1, '', true);
    const answer = await asked;
    expect([answer.status, answer.source, answer.headers.get('content-length')]).toEqual([200, null, '1000']);
    const other = ask(upstream);
    (await origin.request(0, 3)).headers(3, [
      [':status', '304'],
      ['content-length', '5'],
    ]);
    expect((await other).status).toBe(304);
  });

  it('understands node:http2 and our own server', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.setHeader('x-node', '1');
      request.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await using kit = await startHttp1();
    using upstreams = new TestUpstreams();
    const text = 'long '.repeat(60_000);
    for (const port of [(server.address() as AddressInfo).port, kit.listener.port]) {
      const upstream = upstreams.create(http2(port));
      const asked = [1, 2, 3].map(() => ask(upstream, makeRequest({ method: 'POST', body: textBody(text) })));
      for (const answer of await Promise.all(asked)) expect([answer.status, answer.text === text]).toEqual([200, true]);
      upstream.dispose();
    }
    expect(seen[0]).toMatchObject({ te: 'trailers', 'content-length': String(text.length), via: '1.1 easegress' });
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
});
