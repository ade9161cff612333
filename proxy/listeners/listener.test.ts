import { describe, expect, it } from 'vitest';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { answer, startHttp1, type Http1Kit } from '#test/support/http1-kit.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { openListener } from './listener.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

/** The port takes no connections any more. */
async function untilRefused(kit: Http1Kit): Promise<void> {
  for (;;) {
    const client = kit.client();
    await client.until(() => client.closed || client.socket.readyState === 'open');
    if (client.error === 'ECONNREFUSED') return;
    client.reset();
    await pause();
  }
}

describe('a listener', () => {
  it('rejects with the error of the system when its port is taken', async () => {
    await using kit = await startHttp1();
    const second = openListener({
      content: listenerContent({ port: kit.listener.port }),
      handler: () => {},
      limits: connectionLimits,
      reusePort: false,
      connections: new Int32Array(new SharedArrayBuffer(4)),
    });
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE', port: kit.listener.port });
  });

  it('shares a port with another one when both say so', async () => {
    const connections = new Int32Array(new SharedArrayBuffer(4));
    const options = { handler: () => {}, limits: connectionLimits, reusePort: true, connections };
    const first = await openListener({ ...options, content: listenerContent() });
    const second = await openListener({ ...options, content: listenerContent({ port: first.port }) });
    expect(second.port).toBe(first.port);
    await first.close();
    await second.close();
  });

  it('takes no more connections than its limit; the others wait until one has gone', async () => {
    await using kit = await startHttp1({ content: { maxConnections: 2 } });
    const clients = [kit.client(), kit.client(), kit.client()];
    for (const client of clients) client.send(get);
    await kit.until(() => kit.outcomes.length === 2);
    await pause();
    expect(kit.requests).toHaveLength(2);
    expect(kit.listener.counters).toMatchObject({ open: 3, waiting: 1, turnedAway: 0 });
    expect(kit.connections[0]).toBe(2);
    clients.find((client) => client.received !== '')?.reset();
    await kit.until(() => kit.outcomes.length === 3);
    expect(kit.listener.counters).toMatchObject({ open: 2, waiting: 0 });
    expect(kit.connections[0]).toBe(2);
  });

  it('closes what cannot even wait', async () => {
    await using kit = await startHttp1({ content: { maxConnections: 1 }, limits: { maxWaiting: 1 } });
    const first = kit.client().send(get);
    await first.untilReceived('200 OK');
    kit.client().send(get);
    while (kit.listener.counters.waiting === 0) await pause();
    const third = kit.client();
    await third.untilEnd();
    expect(third.received).toBe('');
    expect(kit.listener.counters).toMatchObject({ accepted: 3, open: 2, waiting: 1, turnedAway: 1 });
  });

  it('a limit of all threads: places that another thread frees are taken', async () => {
    await using kit = await startHttp1({ content: { maxConnections: 1 } });
    kit.connections[0] = 1;
    const client = kit.client().send(get);
    await pause();
    expect(kit.requests).toEqual([]);
    kit.connections[0] = 0;
    await client.untilReceived('200 OK');
  });

  it('changes its settings while connections stay open', async () => {
    await using kit = await startHttp1({ content: { maxConnections: 1 } });
    const first = kit.client().send(get);
    await first.untilReceived('200 OK');
    const second = kit.client().send(get);
    await pause();
    kit.listener.update(listenerContent({ maxConnections: 2, keepAlive: false }));
    expect(await second.untilEnd()).toContain('Connection: close');
    first.send(get);
    expect((await first.untilEnd()).match(/Connection: close/g)).toHaveLength(1);
  });

  it('retire: answers 404 and closes, lets what is under way end, then accepts nothing', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const busy = kit.client().send(get);
    await kit.until(() => kit.exchanges.length === 1);
    const retired = kit.listener.retire(100);
    const late = kit.client().send(get);
    expect(await late.untilEnd()).toMatch(/^HTTP\/1\.1 404 Not Found\r\n[^]*Connection: close\r\n\r\n$/);
    await retired;
    await untilRefused(kit);
    answer(kit.exchanges[0] as Exchange, 'done');
    expect(await busy.untilEnd()).toMatch(/Connection: close\r\n\r\ndone$/);
  });

  it('drain: accepts for the grace period, then ends connections with their answers', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const busy = kit.client().send(get);
    await kit.until(() => kit.exchanges.length === 1);
    const drained = kit.listener.drain(100, 10_000);
    const late = kit.client().send(get);
    await kit.until(() => kit.exchanges.length === 2);
    for (const exchange of kit.exchanges) answer(exchange, 'done');
    await late.untilReceived('done');
    await busy.untilReceived('done');
    expect(late.received).not.toContain('Connection: close');
    await untilRefused(kit);
    busy.send(get);
    await kit.until(() => kit.exchanges.length === 3);
    answer(kit.exchanges[2] as Exchange, 'last');
    await busy.untilReceived('last');
    expect(busy.received).toMatch(/Connection: close\r\n\r\nlast$/);
    busy.end();
    // The other one is idle: it is ended although it says nothing.
    await late.until(() => late.ended);
    late.end();
    await drained;
    expect(kit.listener.counters.open).toBe(0);
    expect(kit.connections[0]).toBe(0);
  });

  it('drain: at the deadline what is left is reset', async () => {
    await using kit = await startHttp1({ handler: () => {} });
    const stuck = kit.client().send(get);
    await kit.until(() => kit.exchanges.length === 1);
    await kit.listener.drain(0, 100);
    await stuck.untilEnd();
    expect(stuck.error).toBe('ECONNRESET');
    expect(kit.outcomes).toMatchObject([{ error: { code: 'ShuttingDown' } }]);
  });

  it('counts places back however a connection ends', async () => {
    await using kit = await startHttp1();
    const ends = [
      kit.client().send(get),
      kit.client().send('GET / HT').end(),
      kit.client().send('\x16\x03\x01'),
      kit.client().send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame, but as long as one'),
      kit.client().send('INVALID CONNECTION PREFACE\r\n\r\n'),
      kit.client().send('garbage\r\n\r\n'),
    ];
    for (const client of ends.slice(1)) {
      await client.untilEnd();
      client.end();
    }
    await ends[0]?.untilReceived('200 OK');
    ends[0]?.reset();
    while (kit.listener.counters.open > 0) await pause();
    expect(kit.connections[0]).toBe(0);
  });
});
