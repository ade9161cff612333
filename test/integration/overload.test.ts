import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdBytes, memoryBudget } from '#proxy/exchange/memory-budget.ts';
import { get } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { answer, startRawOrigin, type RawOrigin } from '#test/support/raw-origin.ts';
import { startWorld, type World } from '#test/support/world.ts';

// More than a thread takes, and origins that stand still: who is refused, with what, and how it is counted.

let world: World;
let port = 0;
let origin: RawOrigin;
const rest = new AsyncDisposableStack();
const mebibyte = 1024 * 1024;

beforeAll(async () => {
  port = await reservePort();
  origin = rest.use(
    await startRawOrigin((connection) =>
      connection.onRequest((request) => {
        connection.send(request.includes('/stall') ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok' : answer('ok'));
      }),
    ),
  );
  const web = manifest(
    server('web', port, [route('/good', 'good'), route('/', 'up')]),
    mock('good', 'good'),
    proxying('up', origin.port),
  );
  world = rest.use(
    await startWorld({
      manifests: { 'web.yaml': web },
      flags: { 'memory-budget': '1', 'max-connections-per-address': '4', 'upstream-idle': '200ms' },
    }),
  );
});

afterAll(async () => {
  await rest.disposeAsync();
  memoryBudget.limit = Number.POSITIVE_INFINITY;
});

async function metric(line: string): Promise<number> {
  const text = await world.proxy().metrics.render();
  const found = text.split('\n').find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? 'NaN');
}

describe('a thread', () => {
  it('that keeps more than its budget answers 503 and says when to come again, until it keeps less', async () => {
    const owner = {};
    const held = holdBytes(owner);
    held.add(mebibyte + 1);
    await using client = new RawClient(port);
    await client.send(get('/good', 'a.test')).untilReceived('\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 503 /);
    expect(client.received).toMatch(/\r\nretry-after: 1\r\n/i);
    expect(await metric('easegress_shed_total{what="request"}')).toBe(1);
    held.release();
    await client.send(get('/good', 'a.test')).untilReceived('200 OK');
    expect(await metric('easegress_shed_total{what="request"}')).toBe(1);
    expect(await metric('easegress_shed_total{what="head"}')).toBe(0);
  });

  it('takes only so many connections of one address', async () => {
    const clients = Array.from({ length: 4 }, () => new RawClient(port).send(get('/good', 'a.test')));
    for (const client of clients) await client.untilReceived('200 OK');
    const more = new RawClient(port).send(get('/good', 'a.test'));
    expect(await more.untilEnd()).toBe('');
    expect(await metric('easegress_http_connections_turned_away_total{reason="address"}')).toBe(1);
    for (const client of [...clients, more]) await client[Symbol.asyncDispose]();
  });
});

describe('an origin', () => {
  it('that stands still in a body costs the client its answer, in the end', async () => {
    await using client = new RawClient(port);
    await client.send(get('/stall', 'a.test')).until(({ closed }) => closed);
    expect(client.received).toContain('ok');
    expect(client.error).toBe('ECONNRESET');
    expect(await metric('easegress_upstream_stalled_answers_total')).toBe(1);
  });
});
