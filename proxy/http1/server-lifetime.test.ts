// The life of a connection: time-outs on a clock that only moves when a test says so, clients that leave, bodies that
// nobody wants, and closing without losing an answer.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PushBody } from '#proxy/exchange/memory.ts';
import { answer, echo, startHttp1 } from '#test/support/http1-kit.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const post = (length: number): string => `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n`;
const head = (status: number): { status: number; reason: string; headers: HeaderList } => ({
  status,
  reason: '',
  headers: new HeaderList(),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe('time-outs', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('idle-header-timeout (9110 15.5.9): a head that drips in is answered 408', async () => {
    await using kit = await startHttp1();
    const client = kit.client().send('GET / HTTP/1.1\r\nHo');
    await client.until(() => client.socket.readyState === 'open');
    await pause();
    for (let second = 0; second < 14; second++) {
      client.send('s');
      await turn();
      vi.advanceTimersByTime(1000);
    }
    await pause();
    expect(client.received).toBe('');
    vi.advanceTimersByTime(2000);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[^]*Connection: close\r\n\r\n$/);
    expect(kit.refused.map((cause) => cause.code)).toEqual(['RequestTimeout']);
    expect(kit.requests).toEqual([]);
  });

  it('keepalive-idle (9112 9.5): an idle connection is closed at its time, without a word, and not before', async () => {
    await using kit = await startHttp1({ content: { keepAliveTimeout: 5000 } });
    const client = kit.client().send(get);
    await client.untilReceived('\r\n\r\n');
    client.received = '';
    vi.advanceTimersByTime(4000);
    await pause();
    expect(client.ended).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(await client.untilEnd()).toBe('');
    expect(client.error).toBe('');
  });

  it('a connection that never says anything is closed at the same time', async () => {
    await using kit = await startHttp1({ content: { keepAliveTimeout: 5000 } });
    const client = kit.client();
    await client.until(() => client.socket.readyState === 'open');
    await pause();
    vi.advanceTimersByTime(6000);
    expect(await client.untilEnd()).toBe('');
  });

  it('a body that stops coming is answered 408 and breaks off', async () => {
    await using kit = await startHttp1({ limits: { bodyTimeout: 5000 } });
    const client = kit.client().send(`${post(10)}abc`);
    await kit.until(() => kit.exchanges.length === 1);
    await pause();
    vi.advanceTimersByTime(6000);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408/);
    expect(kit.bodies).toEqual(['error RequestTimeout']);
    expect(kit.outcomes).toMatchObject([{ status: 408, error: { code: 'RequestTimeout' } }]);
  });

  it('a body that nobody reads, and a handler that thinks, have all the time of the world', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const client = kit.client().send(`${post(10)}abc`);
    await kit.until(() => kit.exchanges.length === 1);
    await pause();
    vi.advanceTimersByTime(3_600_000);
    await pause();
    expect([client.received, client.ended, kit.outcomes.length]).toEqual(['', false, 0]);
    echo(kit.exchanges[0] as Exchange);
    client.send('defghij');
    await client.untilReceived('abcdefghij');
  });

  it('a client that takes nothing of its answer is reset', async () => {
    const source = new PushBody();
    const causes: unknown[] = [];
    source.onCancel = (cause) => causes.push(cause?.code);
    await using kit = await startHttp1({
      limits: { writeTimeout: 5000 },
      handler: (exchange) => exchange.respond(head(200), source),
    });
    const client = kit.client();
    client.socket.pause();
    client.send(get);
    await kit.until(() => kit.exchanges.length === 1);
    source.push(Buffer.alloc(32 * 1024 * 1024));
    await pause();
    expect(kit.outcomes).toEqual([]);
    vi.advanceTimersByTime(6000);
    await kit.until(() => kit.outcomes.length === 1);
    expect(causes).toEqual(['ClientAbort']);
    expect(kit.outcomes[0]).toMatchObject({ status: 200, error: { code: 'ClientAbort' } });
  });
});

describe('clients that leave', () => {
  it('half-closed while the handler thinks, a client has some seconds, not for ever', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    try {
      await using kit = await startHttp1({ handler: () => {}, limits: { halfCloseTimeout: 5000 } });
      kit.client().send(get).end();
      await kit.until(() => kit.exchanges.length === 1);
      await pause();
      vi.advanceTimersByTime(4000);
      expect(kit.outcomes).toEqual([]);
      vi.advanceTimersByTime(2000);
      expect(kit.outcomes).toMatchObject([{ status: 0, error: { code: 'ClientAbort' } }]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('half-closed, a client gets a long answer whole, whatever the clock says', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance', 'Date'] });
    try {
      const source = new PushBody();
      await using kit = await startHttp1({ handler: (exchange) => exchange.respond(head(200), source) });
      const client = kit.client().send(get).end();
      await client.untilReceived('\r\n\r\n');
      await pause();
      vi.advanceTimersByTime(3_600_000);
      source.end();
      expect(await client.untilEnd()).toMatch(/\r\n0\r\n\r\n$/);
    } finally {
      vi.useRealTimers();
    }
  });

  it('client-abort: a reset is noticed while the handler thinks', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const client = kit.client().send(get);
    await kit.until(() => kit.exchanges.length === 1);
    client.reset();
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.outcomes[0]).toMatchObject({ status: 0, error: { code: 'ClientAbort', source: 'downstream' } });
  });

  it('client-abort: a reset is noticed while an unread body waits', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const client = kit.client().send(post(10));
    await kit.until(() => kit.exchanges.length === 1);
    client.reset();
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.outcomes[0]?.error?.code).toBe('ClientAbort');
  });

  it('incomplete-body (9112 8): a body that ends early is never taken for a whole one', async () => {
    await using kit = await startHttp1();
    kit
      .client()
      .send(`${post(10)}abc`)
      .end();
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.bodies).toEqual(['error ClientAbort']);
    expect(kit.outcomes[0]?.error?.code).toBe('ClientAbort');
  });

  it('incomplete-body: nor half a chunk', async () => {
    await using kit = await startHttp1();
    kit.client().send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab').end();
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.bodies).toEqual(['error ClientAbort']);
  });

  it('half-closed after its request, a client gets its answer, then the end', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const client = kit.client().send(get).end();
    await kit.until(() => kit.exchanges.length === 1);
    await pause();
    answer(kit.exchanges[0] as Exchange, 'still here');
    expect(await client.untilEnd()).toMatch(/Connection: close\r\n\r\nstill here$/);
  });

  it('half-closed after pipelined requests, it gets all of them answered', async () => {
    await using kit = await startHttp1();
    const client = kit
      .client()
      .send(get + get + get)
      .end();
    expect((await client.untilEnd()).match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  it('half-closed in the middle of a head it is just closed', async () => {
    await using kit = await startHttp1();
    expect(await kit.client().send('GET / HT').end().untilEnd()).toBe('');
    expect(kit.requests).toEqual([]);
  });
});

describe('bodies that nobody wants', () => {
  it('early-response (9112 9.3): a 413 reaches a client that goes on sending 10 MB', async () => {
    await using kit = await startHttp1({ handler: (exchange) => exchange.respond(head(413), null) });
    const client = kit.client().send(post(10 * 1024 * 1024));
    const block = Buffer.alloc(64 * 1024);
    for (let sent = 0; sent < 10 * 1024 * 1024; sent += block.length) client.send(block);
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 413 [^]*Connection: close\r\n\r\n$/);
    // All of it is read away, so that no reset overtakes the answer.
    client.end();
    await client.until(() => client.closed);
    expect(client.error).toBe('');
    expect(kit.outcomes).toMatchObject([{ status: 413, error: null }]);
  });

  it('a small one is read away and the connection goes on', async () => {
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, 'x') });
    const client = kit.client().send(post(1000));
    await client.untilReceived('\r\n\r\nx');
    client.send('b'.repeat(1000)).send('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect((await client.untilEnd()).match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(kit.requests[1]).toBe('GET /next @a');
  });

  it('a small one whose answer is early and whose bytes are bad ends the connection, without a second answer', async () => {
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, 'x') });
    const client = kit.client().send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    expect((await client.untilEnd()).match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('a cancelled one is read away while the answer is still open', async () => {
    await using kit = await startHttp1({
      handler(exchange) {
        exchange.body?.cancel(null);
      },
    });
    const client = kit.client().send(post(30_000) + 'b'.repeat(30_000));
    await kit.until(() => kit.exchanges.length === 1);
    await pause();
    answer(kit.exchanges[0] as Exchange, 'x');
    await client.untilReceived('\r\n\r\nx');
    expect(client.received).not.toContain('Connection: close');
  });

  it('an answer that ends before its request is read breaks the reader off', async () => {
    await using kit = await startHttp1({
      handler(exchange) {
        exchange.body?.start({
          chunk: () => {},
          end: () => {},
          error: (cause) => kit.bodies.push(`error ${cause.code}`),
        });
        exchange.respond(head(200), null);
      },
    });
    const client = kit.client().send(`${post(10)}abc`);
    await client.untilReceived('\r\n\r\n');
    await kit.until(() => kit.bodies.length === 1);
    expect(kit.bodies).toEqual(['error ClientAbort']);
    client.send(`defghij${get}`);
    await kit.until(() => kit.exchanges.length === 2);
  });
});

describe('back-pressure', () => {
  it('pipelining is bounded: requests beyond the open answer stay in the socket', async () => {
    const sources: PushBody[] = [];
    await using kit = await startHttp1({
      handler(exchange) {
        const source = new PushBody();
        sources.push(source);
        exchange.respond(head(200), source);
      },
    });
    const client = kit.client();
    for (let i = 0; i < 2000; i++) client.send(get);
    await kit.until(() => kit.exchanges.length === 1);
    await pause();
    expect(kit.requests).toHaveLength(1);
    sources[0]?.end();
    await kit.until(() => kit.exchanges.length === 2);
  });

  it('a slow reader of many small answers holds the parser back', async () => {
    const text = 'x'.repeat(10_000);
    let answered = 0;
    await using kit = await startHttp1({
      handler(exchange) {
        answered++;
        answer(exchange, text);
      },
    });
    const client = kit.client();
    client.socket.pause();
    const count = 5000;
    for (let i = 0; i < count; i++) client.send(get);
    await kit.until(() => answered > 0);
    let before = -1;
    while (before !== answered) {
      before = answered;
      await pause();
    }
    expect(answered).toBeLessThan(count);
    client.socket.resume();
    await kit.until(() => answered === count);
  });
});
