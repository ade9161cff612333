import { describe, expect, it } from 'vitest';
import { errorCode } from '#proxy/http2/frames.ts';
import { startRawOrigin } from '#test/support/raw-origin.ts';
import { Http2Origin } from '#test/support/http2-origin.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { Answer, makeRequest, PushBody } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';

const chunkedHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = '2\r\nok\r\n';
const idle = 1000;

describe('an answer that stands still after its head', () => {
  it.each([
    ['without a byte of its body', chunkedHead],
    ['in the middle of its body', chunkedHead + chunk],
    ['one byte before its end', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok'],
  ])('is broken off: %s', async (_, text) => {
    await using origin = await startRawOrigin((connection) => connection.onRequest(() => connection.send(text)));
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }), { bodyIdleMs: idle });
    const received = new Answer();
    upstream.send(makeRequest(), received);
    const bytes = text.includes('ok') ? 'ok' : '';
    await received.until(({ responseHead, text: got }) => responseHead !== null && got === bytes);
    upstreams.clock.advance(idle - 1);
    expect(received.bodyError).toBe(null);
    upstreams.clock.advance(idle / 2);
    expect(received.bodyError).toMatchObject({ code: 'UpstreamTimeout', message: 'no byte of the body for 1000 ms' });
    await origin.connections[0]?.until(({ ended, closed }) => ended || closed);
    expect(upstreams.stalled).toBe(1);
    expect(upstream.stats()).toMatchObject({ active: 0, open: 0 });
  });

  it('goes on for as long as something comes now and then, as server-sent events do', async () => {
    await using origin = await startRawOrigin((connection) => connection.onRequest(() => connection.send(chunkedHead)));
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }), { bodyIdleMs: idle });
    const received = new Answer();
    upstream.send(makeRequest(), received);
    await received.until(({ responseHead }) => responseHead !== null);
    for (let count = 1; count <= 10; count++) {
      upstreams.clock.advance(idle * 0.9);
      origin.connections[0]?.send(chunk);
      await received.until(({ text }) => text.length === 2 * count);
    }
    origin.connections[0]?.send('0\r\n\r\n');
    await received.finished();
    expect([received.bodyError, upstreams.stalled, upstream.stats().active]).toEqual([null, 0, 0]);
    upstreams.clock.advance(10 * idle);
    expect(upstream.stats().idle).toBe(1);
  });

  it('goes on while the client is the one that takes nothing, or still sends', async () => {
    await using origin = await startRawOrigin((connection) => {
      connection.socket.once('data', () => connection.send(chunkedHead));
    });
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }), { bodyIdleMs: idle });
    const slow = new Answer(false);
    const body = new PushBody();
    upstream.send(makeRequest({ method: 'POST', body }), slow);
    await slow.until(({ responseHead }) => responseHead !== null);
    upstreams.clock.advance(5 * idle);
    slow.source?.start(slow);
    for (let i = 0; i < 5; i++) {
      body.push('more');
      upstreams.clock.advance(idle * 0.9);
    }
    expect([slow.bodyError, upstreams.stalled]).toEqual([null, 0]);
    upstreams.clock.advance(idle * 1.5);
    expect(slow.bodyError?.code).toBe('UpstreamTimeout');
  });

  it('is broken off in HTTP/2 alone, and the others on its connection go on', async () => {
    await using origin = await Http2Origin.start();
    using upstreams = new TestUpstreams();
    const content = upstreamContentOf({ port: origin.port });
    const servers = content.servers.map((server) => ({ ...server, protocol: 'http2' as const }));
    const upstream = upstreams.create({ ...content, servers }, { bodyIdleMs: idle });
    const [stalling, lively] = [new Answer(), new Answer()];
    for (const received of [stalling, lively]) upstream.send(makeRequest(), received);
    const peer = await origin.request(0, 3);
    for (const stream of [1, 3]) peer.headers(stream, [[':status', '200']], 0).data(stream, 'ok');
    for (const received of [stalling, lively]) await received.until(({ text }) => text === 'ok');
    for (let count = 2; count <= 4; count++) {
      upstreams.clock.advance(idle / 2);
      peer.data(3, 'ok');
      await lively.until(({ text }) => text.length === 2 * count);
    }
    expect(stalling.bodyError?.code).toBe('UpstreamTimeout');
    await peer.until(() => peer.resetCode(1) === errorCode.cancel);
    peer.data(3, 'ok', true);
    await lively.finished();
    expect([lively.bodyError, upstreams.stalled, upstream.stats().open]).toEqual([null, 1, 1]);
  });

  it('is no matter of tunnels', async () => {
    const switched = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n';
    await using origin = await startRawOrigin((connection) => connection.onRequest(() => connection.send(switched)));
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }), { bodyIdleMs: idle });
    const received = new Answer();
    const request = makeRequest({ tunnel: new PushBody() });
    request.headers.append('Upgrade', 'websocket');
    received.call = upstream.send(request, received);
    await received.until(({ status }) => status === 101);
    upstreams.clock.advance(10 * idle);
    expect([received.bodyError, upstreams.stalled]).toEqual([null, 0]);
  });
});
