// Conversations cut at every byte, mutated, and random frames, from a fixed seed: whatever a client sends, the server
// answers, ends the stream or ends the connection; it never throws, hangs or stops serving others, and how the bytes
// were cut makes no difference.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttp1, type Http1Kit } from '#test/support/http1-kit.ts';
import { fieldBlock, frame, get, Http2Peer, number, post } from '#test/support/http2-peer.ts';
import { flag, frameType, preface } from './frames.ts';
import { settingsFrame } from './peer-settings.ts';

let kit: Http1Kit;

beforeAll(async () => {
  kit = await startHttp1({ limits: { headerTimeout: 200, bodyTimeout: 200 }, content: { keepAliveTimeout: 500 } });
});

afterAll(async () => {
  await kit[Symbol.asyncDispose]();
});

const both = flag.endHeaders | flag.endStream;
const block = fieldBlock([...post, ['content-length', '10'], ['cookie', 'a=1'], ['cookie', 'b=2']]);
const conversation: readonly Buffer[] = [
  settingsFrame([
    [1, 100],
    [4, 70_000],
  ]),
  frame(frameType.headers, both, 1, Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex')),
  frame(frameType.windowUpdate, 0, 0, number(1000)),
  frame(frameType.headers, 0, 3, block.subarray(0, 9)),
  frame(frameType.continuation, flag.endHeaders, 3, block.subarray(9)),
  frame(frameType.data, flag.padded, 3, Buffer.from('\x02hello\0\0')),
  frame(frameType.ping, 0, 0, 'pingping'),
  frame(frameType.data, 0, 3, 'world'),
  frame(frameType.headers, both, 3, fieldBlock([['x-sum', '1']])),
  frame(frameType.headers, both | flag.priority, 5, Buffer.concat([number(3), Buffer.of(9), fieldBlock(get)])),
  frame(frameType.rstStream, 0, 5, number(8)),
  frame(frameType.settings, flag.ack, 0),
];
const whole = Buffer.concat([preface, ...conversation]);

class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
}

/** What a client sees of the conversation, without what the order of writes decides. */
function seen(client: Http2Peer): unknown {
  return [1, 3].map((stream) => [client.status(stream), client.text(stream), client.done(stream)]);
}

async function stillServes(): Promise<void> {
  await using client = Http2Peer.client(kit.listener.port).hello().headers(1, get);
  await client.untilDone(1);
  expect(client.status(1)).toBe(200);
}

describe('bytes of a client', () => {
  it('mean the same wherever they are cut', async () => {
    for (let at = 1; at < whole.length; at++) {
      await using client = Http2Peer.client(kit.listener.port);
      client.acknowledge = false;
      client.raw(whole.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      client.raw(whole.subarray(at));
      await client.until(() => client.done(1) && client.done(3));
      expect([at, seen(client)]).toEqual([
        at,
        [
          [200, '', true],
          [200, 'helloworld', true],
        ],
      ]);
    }
  });

  it('mean the same byte by byte', async () => {
    await using client = Http2Peer.client(kit.listener.port);
    client.acknowledge = false;
    for (let at = 0; at < whole.length; at++) {
      client.raw(whole.subarray(at, at + 1));
      if (at % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await client.until(() => client.done(1) && client.done(3));
    expect(client.text(3)).toBe('helloworld');
  });

  async function throwAt(data: Buffer): Promise<void> {
    await using client = Http2Peer.client(kit.listener.port);
    client.acknowledge = false;
    client.raw(preface).raw(data);
    // A frame that never ends is not waited for.
    client.socket.end();
    await client.untilOver().catch(() => {});
  }

  it('may be changed anywhere', async () => {
    const random = new Random(2026);
    for (let i = 0; i < 1500; i++) {
      const mutant = Buffer.concat(conversation);
      for (let n = 1 + random.below(3); n > 0; n--) mutant[random.below(mutant.length)] = random.below(256);
      await throwAt(mutant);
      if (i % 250 === 0) await stillServes();
    }
    await stillServes();
  });

  it('may be frames in any order and of any kind', async () => {
    const random = new Random(4711);
    for (let i = 0; i < 1500; i++) {
      const frames: Buffer[] = [settingsFrame([])];
      for (let n = random.below(12); n > 0; n--) {
        if (random.below(3) > 0) {
          frames.push(conversation[random.below(conversation.length)] as Buffer);
          continue;
        }
        const payload = Buffer.alloc(random.below(20), random.below(256));
        frames.push(frame(random.below(18), random.below(64), random.below(8), payload));
      }
      await throwAt(Buffer.concat(frames));
    }
    await stillServes();
  });

  it('leave nothing behind', async () => {
    await stillServes();
    while (kit.listener.counters.open > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(kit.outcomes.length).toBe(kit.requests.length);
    expect(kit.connections[0]).toBe(0);
  });
});
