// How streams share a connection: none holds up another, each gets its part, and what is slow is held back alone.

import { afterEach, describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { echo, startHttp1, type Http1Kit, type Http1Options } from '#test/support/http1-kit.ts';
import { get, post, type Fields, type Http2Peer } from '#test/support/http2-peer.ts';
import { flag, frameType, setting } from './frames.ts';

let kit: Http1Kit;
const mega = 1024 * 1024;
const wide: [number, number][] = [[setting.initialWindowSize, 8 * mega]];

afterEach(async () => {
  await kit[Symbol.asyncDispose]();
});

async function start(options: Http1Options = {}): Promise<Http2Peer> {
  kit = await startHttp1({ handler: bySize, ...options });
  return kit.http2();
}

/** Answers `/<bytes>` with so many. */
function bySize(exchange: Exchange): void {
  if (exchange.body !== null) return echo(exchange);
  const body = new BufferBody(Buffer.alloc(Number(exchange.head.target.slice(1))));
  exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, body);
}

const path = (bytes: number): Fields => get.map(([name, value]) => [name, name === ':path' ? `/${bytes}` : value]);
const bytesOf = (client: Http2Peer, stream: number): number =>
  client.of(frameType.data, stream).reduce((sum, each) => sum + each.payload.length, 0);

describe('streams of one connection', () => {
  it('take turns, frame by frame', async () => {
    const client = (await start()).hello(wide).window(0, 8 * mega);
    for (const stream of [1, 3, 5]) client.headers(stream, path(mega));
    for (const stream of [1, 3, 5]) await client.untilDone(stream);
    const order = client.frames.filter((each) => each.type === frameType.data).map((each) => each.stream);
    // While all three have something to send, nobody sends twice in a row.
    const middle = order.slice(3, 180);
    expect(middle.filter((stream, i) => stream === middle[i + 1]).length).toBe(0);
  });

  it('share what the connection allows in equal parts', async () => {
    const client = (await start()).hello(wide);
    for (const stream of [1, 3, 5, 7]) client.headers(stream, path(mega));
    const streams = [1, 3, 5, 7];
    const sum = (): number => streams.reduce((all, stream) => all + bytesOf(client, stream), 0);
    await client.until(() => sum() === 65_535);
    for (let n = 1; n <= 8; n++) {
      client.window(0, 65_536);
      await client.until(() => sum() === 65_535 + n * 65_536);
    }
    const parts = streams.map((stream) => bytesOf(client, stream));
    expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(2 * 16_384);
  });

  it('a small answer does not wait for a large one', async () => {
    const client = (await start())
      .hello(wide)
      .window(0, 64 * mega)
      .headers(1, path(4 * mega));
    await client.until(() => bytesOf(client, 1) > 0);
    await client.headers(3, path(10)).untilDone(3);
    expect(client.done(1)).toBe(false);
    await client.untilDone(1);
  });

  it('one whose window is shut does not hold up the others', async () => {
    const client = (await start())
      .hello()
      .window(0, 64 * mega)
      .headers(1, path(mega));
    await client.until(() => bytesOf(client, 1) === 65_535);
    await client.headers(3, path(60_000)).untilDone(3);
    expect(bytesOf(client, 1)).toBe(65_535);
    client.window(1, 2 * mega);
    await client.untilDone(1);
  });

  it('one whose body nobody reads does not hold up the bodies of others', async () => {
    const client = await start({ handler: (exchange) => (exchange.head.target === '/' ? echo(exchange) : undefined) });
    client
      .hello(wide)
      .window(0, 8 * mega)
      .headers(1, [[':method', 'POST'], ...path(0).slice(1)], 0);
    // All that its window allows.
    for (let i = 0; i < 16; i++) client.data(1, Buffer.alloc(16_384));
    client.headers(3, post, 0);
    for (let i = 0; i < 32; i++) client.data(3, Buffer.alloc(16_384, 'b'));
    await client.data(3, '', true).untilDone(3);
    expect(bytesOf(client, 3)).toBe(32 * 16_384);
    expect(client.of(frameType.windowUpdate, 1)).toEqual([]);
  });

  it('a change of the first window acts on open streams, also below zero (9113 6.9.2)', async () => {
    const client = (await start()).hello([[setting.initialWindowSize, 30_000]]).headers(1, path(100_000));
    await client.until(() => bytesOf(client, 1) === 30_000);
    client.settings([[setting.initialWindowSize, 10_000]]).window(1, 15_000);
    client.frame(frameType.ping, 0, 0, '12345678');
    await client.until(() => client.of(frameType.ping, 0).length === 1);
    // 30,000 sent, 25,000 allowed.
    expect(bytesOf(client, 1)).toBe(30_000);
    client.settings([[setting.initialWindowSize, 30_000]]);
    await client.until(() => bytesOf(client, 1) === 45_000);
  });

  it('window updates come in batches, not for each frame', async () => {
    const client = (await start())
      .hello(wide)
      .window(0, 64 * mega)
      .headers(1, post, 0);
    for (let i = 0; i < 60; i++) client.data(1, Buffer.alloc(16_384));
    await client.data(1, '', true).untilDone(1);
    expect(client.of(frameType.windowUpdate, 1).length).toBeLessThanOrEqual(7);
    expect(client.of(frameType.windowUpdate, 0).length).toBeLessThanOrEqual(3);
  });

  it('all answers of a turn leave in one write', async () => {
    const client = (await start()).hello();
    let reads = 0;
    client.socket.on('data', () => reads++);
    await client.until(() => client.of(frameType.settings, 0).length === 2);
    const before = reads;
    client.socket.cork();
    for (let i = 0; i < 50; i++) client.headers(2 * i + 1, path(10));
    client.socket.uncork();
    await client.until(() => client.done(99));
    expect(reads - before).toBeLessThanOrEqual(2);
  });

  it('a body that is thousands of small pieces is held in little memory', async () => {
    const client = await start({ handler: () => {} });
    client.hello().headers(1, post, 0);
    for (let i = 0; i < 20; i++)
      client.raw(Buffer.concat(Array.from({ length: 500 }, () => Buffer.from('000001000000000001aa', 'hex'))));
    client.frame(frameType.ping, 0, 0, '12345678');
    await client.until(() => client.of(frameType.ping, 0).length === 1);
    let chunks = 0;
    let size = 0;
    kit.exchanges[0]?.body?.start({
      chunk(data) {
        chunks++;
        size += data.length;
      },
      end() {},
      error() {},
    });
    expect([size, chunks]).toEqual([10_000, 3]);
    expect(client.goaway).toBe(-1);
    client.headers(3, get, flag.endStream);
    await kit.until(() => kit.requests.length === 2);
  });
});
