import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Limiter, type LimiterPolicy, limiterSlots, refused } from './limiter.ts';

const block = (): Int32Array => new Int32Array(new SharedArrayBuffer(limiterSlots * 4));

function limiter(policy: Partial<LimiterPolicy> = {}, createdAt = 5000, state = block()): Limiter {
  return new Limiter({ timeout: 0, period: 10, perCycle: 3, ...policy }, state, createdAt);
}

/** What `count` requests at `now` get. */
function take(from: Limiter, now: number, count: number): number[] {
  return Array.from({ length: count }, () => from.take(now));
}

describe('a limiter without waiting', () => {
  it('gives so many permissions per cycle and refuses the rest', () => {
    expect(take(limiter(), 5000, 5)).toEqual([0, 0, 0, refused, refused]);
  });

  it('counts cycles from its creation', () => {
    const it = limiter();
    expect(take(it, 5009, 4)).toEqual([0, 0, 0, refused]);
    expect(take(it, 5010, 4)).toEqual([0, 0, 0, refused]);
    expect(take(it, 5019.9, 1)).toEqual([refused]);
  });

  it('does not save what a cycle leaves over', () => {
    const it = limiter();
    expect(take(it, 5000, 1)).toEqual([0]);
    expect(take(it, 5050, 5)).toEqual([0, 0, 0, refused, refused]);
  });
});

describe('a limiter with waiting', () => {
  it('lets requests wait for the beginning of a coming cycle, as many as the time-out allows', () => {
    // floor(25 / 10) + 1 = 3 cycles of 3.
    expect(take(limiter({ timeout: 25 }), 5004, 10)).toEqual([0, 0, 0, 6, 6, 6, 16, 16, 16, refused]);
  });

  it('counts those that wait against the cycle they wait for', () => {
    const it = limiter({ timeout: 10 });
    expect(take(it, 5000, 5)).toEqual([0, 0, 0, 10, 10]);
    expect(take(it, 5010, 5)).toEqual([0, 10, 10, 10, refused]);
  });

  it('says when it would not refuse any more', () => {
    const it = limiter({ timeout: 10 });
    expect(it.retryAfter(5000)).toBe(0);
    take(it, 5000, 6);
    expect(it.retryAfter(5004)).toBe(6);
    expect(it.take(5009)).toBe(refused);
    expect(it.take(5010)).toBe(10);
  });
});

describe('the state of a limiter', () => {
  it('is one for all threads that share the memory, with the first one to set the cycles', () => {
    const state = block();
    const [first, second] = [limiter({}, 5000, state), limiter({}, 5007, state)];
    expect([first.take(5008), second.take(5008), first.take(5008), second.take(5008)]).toEqual([0, 0, 0, refused]);
    expect(second.take(5010)).toBe(0);
  });

  it('gives each permission once, however many threads ask at the same time', async () => {
    const state = block();
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.file).then(({ Limiter }) => {
        const limiter = new Limiter({ timeout: 0, period: 1000, perCycle: 500_000 }, workerData.state, 5000);
        parentPort.postMessage('ready');
        parentPort.once('message', () => {
          let given = 0;
          for (let i = 0; i < 500_000; i++) if (limiter.take(5000 + i / 1000) === 0) given++;
          parentPort.postMessage(given);
        });
      });`;
    const file = new URL('limiter.ts', import.meta.url).href;
    const workers = [1, 2].map(() => new Worker(code, { eval: true, workerData: { file, state } }));
    try {
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      for (const worker of workers) worker.postMessage('go');
      const given = await Promise.all(workers.map(async (worker) => Number((await once(worker, 'message'))[0])));
      expect(given.reduce((sum, each) => sum + each, 0)).toBe(500_000);
    } finally {
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });

  it('never goes back behind a cycle that another thread has seen', () => {
    const state = block();
    const [first, second] = [limiter({}, 5000, state), limiter({}, 5000, state)];
    expect(take(first, 5010, 3)).toEqual([0, 0, 0]);
    expect(second.take(5009.99)).toBe(refused);
    expect(first.take(5010)).toBe(refused);
  });

  it('holds after a machine has been up for years', () => {
    const years = 3 * 365 * 86_400_000;
    const it = limiter({}, years);
    expect(take(it, years + 9, 4)).toEqual([0, 0, 0, refused]);
    expect(take(it, years + 10, 4)).toEqual([0, 0, 0, refused]);
  });

  it.each([1, 3, 50, 1_000_000, 1_000_000_000])('survives that the count of %i per cycle wraps around', (perCycle) => {
    const it = limiter({ perCycle, period: 1 });
    for (const idle of [
      1,
      7,
      100_003,
      2 ** 30 + 9,
      2 ** 31 + 5,
      2 ** 32,
      2 ** 32 + 1,
      3 * 2 ** 32 - 2 ** 20,
      2 ** 40,
    ]) {
      const at = 5000 + idle;
      const most = Math.min(perCycle, 60);
      expect(new Set(take(it, at, most))).toEqual(new Set([0]));
      if (most === perCycle) expect(it.take(at)).toBe(refused);
    }
  });

  it('holds the rate over a long run of steady traffic', () => {
    const it = limiter({ perCycle: 1_000_000, period: 10, timeout: 100 });
    let now = 5000;
    for (let cycle = 0; cycle < 5000; cycle++) {
      // 2^31 permissions are passed after 2147 cycles, 2^32 after 4295.
      expect(it.take(now)).toBe(0);
      now += 10;
    }
  });
});
