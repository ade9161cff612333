import { describe, expect, it } from 'vitest';
import { ProxyError } from '#proxy/exchange/error.ts';
import { answer, type RawConnection, type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { Answer, ask, makeRequest, PushBody, textBody } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';
import type { UpstreamInstance } from './upstream-instance.ts';

/** Its first connection answers once and then does what `death` says with the next request; others answer. */
function dyingOrigin(death: (connection: RawConnection) => void): Promise<RawOrigin> {
  let connections = 0;
  return startRawOrigin((connection) => {
    const first = connections++ === 0;
    let requests = 0;
    connection.onRequest(() => {
      if (first && requests++ > 0) death(connection);
      else connection.send(answer('ok'));
    });
  });
}

function upstreamOf(upstreams: TestUpstreams, origin: RawOrigin, content = {}): UpstreamInstance {
  return upstreams.create(upstreamContentOf({ port: origin.port, content }));
}

describe('a kept connection that the origin closes as it is used again', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('is replaced once for %s', async (method) => {
    await using origin = await dyingOrigin((connection) => connection.end());
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    const received = await ask(upstream, { method });
    expect([received.status, received.failure]).toEqual([200, null]);
    expect(origin.connections.length).toBe(2);
    expect(upstream.stats().active).toBe(0);
  });

  it('is replaced after a reset as well', async () => {
    await using origin = await dyingOrigin((connection) => connection.reset());
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    expect((await ask(upstream)).text).toBe('ok');
  });

  it('repeats a held body with an idempotent method', async () => {
    await using origin = await dyingOrigin((connection) => connection.end());
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    const received = await ask(upstream, { method: 'PUT', body: textBody('hello') });
    expect(received.text).toBe('ok');
    expect(origin.requests.slice(1).map((request) => request.slice(-5))).toEqual(['hello', 'hello']);
  });

  it('goes on with a body that was still coming', async () => {
    let seen = 0;
    await using origin = await startRawOrigin((connection) => {
      const number = seen++;
      connection.onRequest((request) => {
        if (!request.startsWith('PUT') || number > 0) connection.send(answer('ok'));
      });
      if (number === 0) void connection.until((each) => each.received.endsWith('one')).then(() => connection.end());
    });
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    const body = new PushBody(6);
    const received = new Answer();
    upstream.send(makeRequest({ method: 'PUT', body }), received);
    body.push('one');
    await origin.waitForConnections(2);
    await origin.connections[1]?.until((each) => each.received.endsWith('one'));
    body.push('two');
    body.end();
    expect((await received.finished()).text).toBe('ok');
    expect(origin.requests.at(-1)).toMatch(/onetwo$/);
  });

  it('never repeats a POST: the origin saw it once', async () => {
    await using origin = await dyingOrigin((connection) => connection.end());
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    const received = await ask(upstream, { method: 'POST', body: textBody('hello') });
    expect([received.failure?.code, received.failure?.status]).toEqual(['UpstreamReset', 503]);
    expect(origin.requests.filter((request) => request.startsWith('POST')).length).toBe(1);
    expect(origin.connections.length).toBe(1);
  });

  it('repeats no body over 64 KiB', async () => {
    await using origin = await dyingOrigin((connection) => connection.end());
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    const received = await ask(upstream, { method: 'PUT', body: textBody('x'.repeat(65 * 1024)) });
    expect(received.failure?.code).toBe('UpstreamReset');
    expect(origin.connections.length).toBe(1);
  });

  it('is not replaced when an answer had begun', async () => {
    await using origin = await dyingOrigin((connection) => connection.end('HTTP/1.1 200 OK\r\n'));
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    expect((await ask(upstream)).failure?.code).toBe('UpstreamProtocol');
    expect(origin.connections.length).toBe(1);
  });

  it('is not replaced twice: the second failure is the answer', async () => {
    await using origin = await startRawOrigin((connection) => {
      let requests = 0;
      connection.onRequest(() => {
        if (origin.requests.length === 1 && requests++ === 0) connection.send(answer('ok'));
        else connection.end();
      });
    });
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    await ask(upstream);
    expect((await ask(upstream)).failure?.code).toBe('UpstreamReset');
    expect(origin.connections.length).toBe(2);
  });

  it('on a fresh connection a reset is final at once', async () => {
    await using origin = await startRawOrigin((connection) => connection.onRequest(() => connection.reset()));
    using upstreams = new TestUpstreams();
    expect((await ask(upstreamOf(upstreams, origin))).failure?.code).toBe('UpstreamReset');
    expect(origin.connections.length).toBe(1);
  });
});

describe('the time-out of an attempt', () => {
  it('is 408 when no head has come, and closes the connection', async () => {
    await using origin = await startRawOrigin(() => {});
    using upstreams = new TestUpstreams();
    const received = new Answer();
    upstreamOf(upstreams, origin, { timeout: 1000 }).send(makeRequest(), received);
    await origin.waitForConnections(1);
    await origin.connections[0]?.until((each) => each.received !== '');
    upstreams.clock.advance(999);
    expect(received.over).toBe(false);
    upstreams.clock.advance(1);
    expect([received.failure?.code, received.failure?.status]).toEqual(['UpstreamTimeout', 408]);
    await origin.connections[0]?.until((each) => each.ended || each.closed);
  });

  it('ends with the head: a slow body is not cut', async () => {
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')),
    );
    using upstreams = new TestUpstreams();
    const received = new Answer();
    upstreamOf(upstreams, origin, { timeout: 1000 }).send(makeRequest(), received);
    await received.until((each) => each.status === 200);
    upstreams.clock.advance(5000);
    origin.connections[0]?.send('ok');
    expect((await received.finished()).text).toBe('ok');
  });

  it('also holds while the connection is being made, and connecting alone takes 10 s at most', async () => {
    using upstreams = new TestUpstreams();
    // TEST-NET-1 answers nothing (RFC 5737); whatever the machine's network says instead is a failure to connect.
    const content = upstreamContentOf({ servers: [{ host: '192.0.2.1' }], content: { timeout: 1000 } });
    const first = ask(upstreams.create(content));
    upstreams.clock.advance(1000);
    expect((await first).failure?.code).toMatch(/UpstreamTimeout|ConnectFailed/);
    const second = ask(upstreams.create({ ...content, timeout: 0 }));
    upstreams.clock.advance(10_000);
    expect((await second).failure?.code).toMatch(/ConnectTimeout|ConnectFailed/);
  });
});

describe('a call that is cancelled', () => {
  it.each([0, 1])('hears nothing any more and leaves nothing behind, %i connections kept before', async (kept) => {
    let answering = true;
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => {
        if (answering) connection.send(answer('ok'));
      }),
    );
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    for (let i = 0; i < kept; i++) await ask(upstream);
    answering = false;
    const received = new Answer();
    const call = upstream.send(makeRequest(), received);
    await origin.waitForRequests(kept + 1);
    call.cancel(new ProxyError('ClientAbort', 'gone'));
    await origin.connections[0]?.until((each) => each.ended || each.closed);
    expect(received.over).toBe(false);
    expect(upstream.stats()).toEqual({ targets: 1, open: 0, idle: 0, active: 0 });
  });

  it('before the connection is there makes none', async () => {
    await using origin = await startRawOrigin(() => {});
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    const received = new Answer();
    upstream.send(makeRequest(), received).cancel(new ProxyError('ClientAbort', 'gone'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([received.over, upstream.stats().active, upstream.stats().open]).toEqual([false, 0, 0]);
  });

  it('after the head breaks its body off for the origin', async () => {
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')),
    );
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    const received = new Answer();
    const call = upstream.send(makeRequest(), received);
    await received.until((each) => each.text === 'part');
    call.cancel(new ProxyError('ClientAbort', 'gone'));
    await origin.connections[0]?.until((each) => each.ended || each.closed);
    expect([received.over, upstream.stats().active]).toEqual([false, 0]);
  });

  it('does no harm after its clean end', async () => {
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send(answer('ok'))),
    );
    using upstreams = new TestUpstreams();
    const upstream = upstreamOf(upstreams, origin);
    const first = await ask(upstream);
    first.call?.cancel(new ProxyError('ClientAbort', 'late'));
    first.source?.cancel(null);
    await ask(upstream);
    expect(origin.connections.length).toBe(1);
  });
});
