// What one hostile client can do with frames. Each must cost it the connection or nothing at all, must not reach the
// origin more than a bounded number of times, and must leave another client alone.

import { afterEach, describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { echo, startHttp1, type Http1Kit, type Http1Options } from '#test/support/http1-kit.ts';
import { fieldBlock, frame, get, number, post, type Fields, type Http2Peer } from '#test/support/http2-peer.ts';
import { errorCode, flag, frameType, setting } from './frames.ts';
import { http2Limits } from './limits.ts';

let kit: Http1Kit;

afterEach(async () => {
  await kit[Symbol.asyncDispose]();
});

async function start(options: Http1Options = {}): Promise<Http2Peer> {
  kit = await startHttp1(options);
  return kit.http2();
}

/** Another client is served, on the same thread, after what the first one did and while it still does it. */
async function othersAreServed(): Promise<void> {
  const other = kit
    .http2()
    .hello()
    .headers(1, [...post, ['x-other', '1']], 0);
  await other.data(1, 'hello', true).untilDone(1);
  expect(other.status(1)).toBe(200);
}

/** Sends in pieces for as long as it is listened to. */
async function flood(client: Http2Peer, piece: Buffer, times: number): Promise<void> {
  client.acknowledge = false;
  for (let i = 0; i < times && !client.over; i++) {
    if (!client.socket.write(piece))
      await client.until(() => client.over || !client.socket.writableNeedDrain).catch(() => {});
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function isTold(client: Http2Peer, code: number): Promise<void> {
  await client.until(() => client.over || client.goaway === code).catch(() => {});
  // The GOAWAY may be lost when the client is still sending.
  if (client.goaway !== -1) expect(client.goaway).toBe(code);
  await client.untilOver().catch(() => {});
  expect(client.over).toBe(true);
}

const repeat = (times: number, each: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: times }, (_, i) => each(i)));
const head = (stream: number, fields: Fields = get, flags: number = flag.endStream): Buffer =>
  frame(frameType.headers, flags | flag.endHeaders, stream, fieldBlock(fields));
const silent = (exchange: Exchange): void => {
  if (exchange.head.headers.has('x-other')) echo(exchange);
};

describe('abuse', () => {
  it('rapid reset (CVE-2023-44487): a bounded number of requests reaches the origin', async () => {
    const client = (await start({ handler: silent })).hello();
    for (let at = 0; at < 50_000 && !client.over; at += 500) {
      const piece = repeat(500, (i) => {
        const stream = 2 * (at + i) + 1;
        return Buffer.concat([head(stream), frame(frameType.rstStream, 0, stream, number(8))]);
      });
      await flood(client, piece, 1);
    }
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests.length).toBeLessThanOrEqual(http2Limits.resetBurst + http2Limits.resetsPerSecond * 10);
    await othersAreServed();
  });

  const faults: [string, (stream: number) => Buffer][] = [
    ['WINDOW_UPDATE of 0', (stream) => frame(frameType.windowUpdate, 0, stream, number(0))],
    ['DATA after the end', (stream) => frame(frameType.data, 0, stream, 'x')],
    ['HEADERS after the end', (stream) => head(stream)],
    [
      'PRIORITY on itself',
      (stream) => frame(frameType.priority, 0, stream, Buffer.concat([number(stream), Buffer.of(1)])),
    ],
    ['a window that is too large', (stream) => frame(frameType.windowUpdate, 0, stream, number(0x7fff_ffff))],
    ['PRIORITY of a wrong size', (stream) => frame(frameType.priority, 0, stream, 'x')],
  ];
  it.each(faults)('MadeYouReset (CVE-2025-8671) by %s', async (_, fault) => {
    const client = (await start({ handler: silent })).hello();
    for (let at = 0; at < 10_000 && !client.over; at += 100) {
      const piece = repeat(100, (i) => Buffer.concat([head(2 * (at + i) + 1), fault(2 * (at + i) + 1)]));
      await flood(client, piece, 1);
    }
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests.length).toBeLessThanOrEqual(http2Limits.resetBurst + http2Limits.resetsPerSecond * 10);
    await othersAreServed();
  });

  it('malformed requests count like resets', async () => {
    const client = (await start()).hello();
    await flood(
      client,
      repeat(10_000, (i) => head(2 * i + 1, [...get, ['', '']])),
      1,
    );
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests).toEqual([]);
    await othersAreServed();
  });

  it.each([
    ['empty ones', ''],
    ['full ones', 'x'.repeat(16_384)],
    ['small ones', 'x'],
  ])('CONTINUATION flood of %s (CVE-2024-27316, -27983, -28182, 2023-45288)', async (_, payload) => {
    const client = (await start()).hello();
    client.frame(frameType.headers, flag.endStream, 1, '');
    await flood(
      client,
      repeat(10, () => frame(frameType.continuation, 0, 1, payload)),
      1000,
    );
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests).toEqual([]);
    await othersAreServed();
  });

  it('CONTINUATION flood whose connection is cut half way (CVE-2024-27983)', async () => {
    const client = (await start()).hello();
    client.frame(frameType.headers, flag.endStream, 1, fieldBlock(get)).frame(frameType.continuation, 0, 1, 'x');
    client.socket.resetAndDestroy();
    await othersAreServed();
    expect(kit.requests).toHaveLength(1);
  });

  const settingsOfOne = Buffer.from([0, setting.initialWindowSize, 0, 1, 0, 0]);
  const idle: [string, Buffer][] = [
    ['PING (CVE-2019-9512)', frame(frameType.ping, 0, 0, '12345678')],
    ['PING answers', frame(frameType.ping, flag.ack, 0, '12345678')],
    ['SETTINGS (CVE-2019-9515)', frame(frameType.settings, 0, 0, '')],
    ['SETTINGS that change windows', frame(frameType.settings, 0, 0, settingsOfOne)],
    ['SETTINGS answers', frame(frameType.settings, flag.ack, 0, '')],
    ['PRIORITY (CVE-2019-9513)', frame(frameType.priority, 0, 3, Buffer.from([0, 0, 0, 0, 1]))],
    ['PRIORITY_UPDATE', frame(frameType.priorityUpdate, 0, 0, Buffer.concat([number(1), Buffer.from('u=1')]))],
    ['unknown frames', frame(0xee, 0, 0, 'x')],
    ['GOAWAY', frame(frameType.goaway, 0, 0, Buffer.alloc(8))],
    ['window updates without data', frame(frameType.windowUpdate, 0, 0, number(1))],
    ['resets of a stream that is gone (CVE-2019-9514)', frame(frameType.rstStream, 0, 1, number(8))],
  ];
  it.each(idle)('a flood of %s', async (_, each) => {
    const client = (await start({ handler: silent })).hello().headers(1, get);
    await kit.until(() => kit.requests.length === 1);
    await flood(
      client,
      repeat(1000, () => each),
      50,
    );
    await isTold(client, errorCode.enhanceYourCalm);
    await othersAreServed();
  });

  it.each([
    ['empty DATA (CVE-2019-9518)', frame(frameType.data, 0, 1, '')],
    ['DATA that is nothing but padding', frame(frameType.data, flag.padded, 1, Buffer.of(3, 0, 0, 0))],
  ])('a flood of %s', async (_, each) => {
    const client = (await start()).hello().headers(1, post, 0);
    await flood(
      client,
      repeat(1000, () => each),
      50,
    );
    await isTold(client, errorCode.enhanceYourCalm);
    await othersAreServed();
  });

  it('pings of somebody who reads nothing do not pile up (CVE-2019-9512)', async () => {
    const client = (await start({ http2: { idleFrameBurst: 1e9 } })).hello();
    client.socket.pause();
    await flood(
      client,
      repeat(1000, () => frame(frameType.ping, 0, 0, '12345678')),
      500,
    );
    client.socket.resume();
    await isTold(client, errorCode.enhanceYourCalm);
    await othersAreServed();
  });

  it('window stall (CVE-2019-9511, -9517): large answers are not made, and the connection ends', async () => {
    let made = 0;
    const client = await start({
      limits: { writeTimeout: 300 },
      handler(exchange) {
        if (exchange.head.headers.has('x-other')) return echo(exchange);
        let paused = false;
        const body = {
          length: -1,
          start(sink: { chunk(data: Buffer): void }) {
            while (!paused) {
              made += 16_384;
              sink.chunk(Buffer.alloc(16_384));
            }
          },
          pause: () => (paused = true),
          resume() {},
          cancel() {},
        };
        exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, body);
      },
    });
    client.hello([[setting.initialWindowSize, 1]]);
    for (let i = 0; i < 100; i++) client.headers(2 * i + 1, get);
    await kit.until(() => kit.requests.length === 100);
    expect(made).toBeLessThanOrEqual(100 * 80 * 1024);
    await othersAreServed();
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.outcomes.filter((outcome) => outcome.error !== null)).toHaveLength(100);
  });

  it('a window that opens byte by byte is no progress', async () => {
    const client = await start({
      limits: { writeTimeout: 200 },
      handler: (exchange) =>
        exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, new BufferBody(Buffer.alloc(100_000))),
    });
    client.hello([[setting.initialWindowSize, 0]]).headers(1, get);
    const drip = setInterval(() => client.window(1, 1), 20);
    await isTold(client, errorCode.enhanceYourCalm);
    clearInterval(drip);
  });

  it('HPACK bomb (CVE-2016-6581): a field of 4 KB referenced 4,000 times', async () => {
    const client = (await start()).hello();
    const entry = Buffer.concat([
      Buffer.of(0x40, 1),
      Buffer.from('x'),
      // 3,900 = 127 + 3,773
      Buffer.of(0x7f, 0xbd, 0x1d),
      Buffer.alloc(3900, 'a'),
    ]);
    const bomb = Buffer.concat([fieldBlock(get), entry, Buffer.alloc(4000, 0x80 | 62)]);
    client.frame(frameType.headers, flag.endStream | flag.endHeaders, 1, bomb);
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests).toEqual([]);
    await othersAreServed();
  });

  it('cookie crumbs: 10,000 of a byte are refused', async () => {
    const client = (await start()).hello();
    const crumbs = Buffer.concat([fieldBlock(get), repeat(3000, () => Buffer.of(0x0f, 0x11, 1, 0x61))]);
    client.frame(frameType.headers, flag.endStream | flag.endHeaders, 1, crumbs);
    await client.untilDone(1);
    expect(client.status(1)).toBe(431);
    const more = repeat(10_000, () => Buffer.of(0x0f, 0x11, 1, 0x61));
    client.frame(frameType.headers, flag.endStream, 3, fieldBlock(get));
    for (let at = 0; at < more.length; at += 16_384) {
      const end = at + 16_384 >= more.length ? flag.endHeaders : 0;
      client.frame(frameType.continuation, end, 3, more.subarray(at, at + 16_384));
    }
    await isTold(client, errorCode.enhanceYourCalm);
    expect(kit.requests).toEqual([]);
    await othersAreServed();
  });

  it('leaked window: the window of bodies that are thrown away comes back', async () => {
    const client = await start({
      handler: (exchange) => exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, null),
    });
    client.hello();
    // Ten times the window of the connection, to streams that are answered early.
    for (let i = 0; i < 160; i++) {
      const stream = 2 * i + 1;
      client.headers(stream, post, 0).data(stream, Buffer.alloc(16_384)).data(stream, Buffer.alloc(16_384));
      client.data(stream, Buffer.alloc(16_384)).data(stream, Buffer.alloc(16_384), true);
      await client.untilDone(stream);
    }
    const opened = client.of(frameType.windowUpdate, 0).reduce((sum, each) => sum + each.payload.readUInt32BE(0), 0);
    expect(opened).toBeGreaterThan(160 * 65_536 - http2Limits.connectionWindow);
    expect(client.goaway).toBe(-1);
  });

  it('leaked window: also of DATA for streams that are gone, and of padding', async () => {
    const client = (await start({ handler: silent })).hello();
    for (let i = 0; i < 150; i++) {
      const stream = 2 * i + 1;
      client.headers(stream, post, 0);
      client.frame(frameType.data, flag.padded, stream, Buffer.concat([Buffer.of(255), Buffer.alloc(16_383)]));
      client.reset(stream);
    }
    client.frame(frameType.ping, 0, 0, '12345678');
    await client.until(() => client.of(frameType.ping, 0).length > 0);
    const opened = client.of(frameType.windowUpdate, 0).reduce((sum, each) => sum + each.payload.readUInt32BE(0), 0);
    expect(opened).toBeGreaterThan(150 * 16_384 - http2Limits.connectionWindow);
  });

  it.each([
    ['DATA beyond the window of a stream', { streamWindow: 65_535, connectionWindow: 1024 * 1024 }, 'stream'],
    ['DATA beyond the window of the connection', { streamWindow: 1024 * 1024, connectionWindow: 65_535 }, 'connection'],
  ])('%s is a fault', async (_, http2, level) => {
    const client = (await start({ handler: () => {}, http2 })).hello().headers(1, post, 0);
    for (let i = 0; i < 5; i++) client.data(1, Buffer.alloc(16_384));
    await client.until(() => client.resetCode(1) !== -1 || client.goaway !== -1);
    expect(level === 'stream' ? client.resetCode(1) : client.goaway).toBe(errorCode.flowControlError);
  });

  it('a frame or a block that does not come to its end is given up', async () => {
    const client = (await start({ limits: { headerTimeout: 50 } })).hello();
    // Nothing of it may come in between.
    client.acknowledge = false;
    client.frame(frameType.headers, flag.endStream, 1, fieldBlock(get));
    await client.untilOver();
    const slow = kit
      .http2()
      .hello()
      .raw(Buffer.of(0, 0, 8));
    await slow.untilOver();
    expect([client.goaway, slow.goaway]).toEqual([errorCode.cancel, errorCode.cancel]);
  });
});
