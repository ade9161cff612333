import { describe, expect, it } from 'vitest';
import { answer, type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { Answer, ask, makeRequest } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';

/** Answers when the test says so. */
function waitingOrigin(): Promise<RawOrigin> {
  return startRawOrigin((connection) => connection.onRequest(() => {}));
}

describe('idle connections', () => {
  it('are used again, the one that was used last first', async () => {
    await using origin = await waitingOrigin();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }));
    const asked = [ask(upstream), ask(upstream), ask(upstream)];
    await origin.waitForRequests(3);
    for (const index of [2, 0, 1]) {
      const { idle } = upstream.stats();
      origin.connections[index]?.send(answer('ok'));
      while (upstream.stats().idle === idle) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(asked);
    const before = origin.connections[1]?.received.length ?? 0;
    void ask(upstream);
    await origin.waitForRequests(4);
    expect(origin.connections[1]?.received.length).toBeGreaterThan(before);
    expect(origin.connections.length).toBe(3);
  });

  it('close after 90 s, those in use do not', async () => {
    await using origin = await waitingOrigin();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }));
    const asked = [ask(upstream), ask(upstream)];
    await origin.waitForRequests(2);
    origin.connections[0]?.send(answer('ok'));
    await Promise.race(asked);
    upstreams.clock.advance(89_999);
    expect(upstream.stats()).toMatchObject({ open: 2, idle: 1 });
    upstreams.clock.advance(1);
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 0, active: 1 });
    await origin.connections[0]?.until((each) => each.ended || each.closed);
  });

  it.each([
    ['per endpoint', { maxIdleConnsPerHost: 1 }],
    ['in all', { maxIdleConns: 1 }],
  ])('are bounded %s', async (_title, content) => {
    await using origin = await waitingOrigin();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port, content }));
    const asked = [ask(upstream), ask(upstream), ask(upstream)];
    await origin.waitForRequests(3);
    for (const connection of origin.connections) connection.send(answer('ok'));
    await Promise.all(asked);
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 1 });
  });

  it('are none at all with a limit of 0', async () => {
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send(answer('ok'))),
    );
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port, content: { maxIdleConns: 0 } }));
    for (let i = 0; i < 2; i++) expect((await ask(upstream)).text).toBe('ok');
    expect(upstream.stats()).toMatchObject({ open: 0, idle: 0 });
    expect(origin.connections.length).toBe(2);
  });

  it('that the origin closes leave the pool', async () => {
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send(answer('ok'))),
    );
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port }));
    await ask(upstream);
    origin.connections[0]?.end();
    await origin.connections[0]?.until((each) => each.ended || each.closed);
    expect(upstream.stats()).toMatchObject({ open: 0, idle: 0 });
    expect((await ask(upstream)).text).toBe('ok');
  });
});

describe('a disposed upstream', () => {
  it('closes idle connections at once, those in use when they are done, and leaves no timer', async () => {
    await using origin = await waitingOrigin();
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: origin.port, content: { timeout: 1000 } }));
    const first = ask(upstream);
    await origin.waitForRequests(1);
    const second = new Answer();
    upstream.send(makeRequest(), second);
    await origin.waitForRequests(2);
    origin.connections[0]?.send(answer('ok'));
    await first;
    upstream.dispose();
    expect(upstream.stats()).toMatchObject({ open: 1, idle: 0, active: 1 });
    origin.connections[1]?.send(answer('ok'));
    expect((await second.finished()).text).toBe('ok');
    expect(upstream.stats()).toMatchObject({ open: 0, idle: 0, active: 0 });
    expect(upstreams.clock.pending).toBe(0);
  });
});
