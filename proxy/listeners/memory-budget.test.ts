import { afterEach, describe, expect, it } from 'vitest';
import { memoryBudget, overBudget } from '#proxy/exchange/memory-budget.ts';
import { answer, startHttp1 } from '#test/support/http1-kit.ts';

const mebibyte = 1024 * 1024;
const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const partial = `GET / HTTP/1.1\r\nHost: a.test\r\nX-A: ${'x'.repeat(40_000)}`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

afterEach(() => {
  memoryBudget.limit = Number.POSITIVE_INFINITY;
});

describe('the budget of a thread', () => {
  it('counts beginnings of heads, and over it the oldest are refused until the rest fits', async () => {
    let dropped = 0;
    memoryBudget.limit = mebibyte;
    await using kit = await startHttp1({ listener: { onHeadDropped: () => dropped++ } });
    const clients = Array.from({ length: 40 }, () => kit.client().send(partial));
    await until(() => dropped > 0);
    await until(() => !overBudget());
    const [oldest] = clients;
    expect(await oldest?.untilEnd()).toContain('HTTP/1.1 503');
    expect(clients.at(-1)?.received).toBe('');
    // 64 KiB are kept of each.
    expect(dropped).toBe(24);
    expect(kit.refused.map(({ code }) => code)).toEqual(Array.from({ length: 24 }, () => 'Overloaded'));
    await clients.at(-1)?.send('\r\n\r\n').untilReceived('200 OK');
    for (const client of clients) client.reset();
    await until(() => kit.listener.counters.open === 0 && memoryBudget.connections === 0);
  });

  it('counts what a client does not take, and no more when it has taken it or has gone', async () => {
    const size = 32 * mebibyte;
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, 'x'.repeat(size)) });
    const taking = kit.client();
    const leaving = kit.client();
    for (const client of [taking, leaving]) client.send(get).socket.pause();
    await until(() => memoryBudget.connections > 1.5 * size);
    leaving.reset();
    await until(() => memoryBudget.connections < 1.5 * size);
    taking.socket.resume();
    await until(() => memoryBudget.connections === 0);
    expect(taking.received.length).toBeGreaterThan(size);
  });
});
