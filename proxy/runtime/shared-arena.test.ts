import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SharedArena, createArena } from './shared-arena.ts';

describe('the shared arena', () => {
  const none = (): void => undefined;

  it('gives the same counters for the same key, in every view of it', () => {
    const buffer = createArena();
    const one = new SharedArena(buffer, none);
    const other = new SharedArena(buffer, none);
    Atomics.add(one.counters('a', 4), 2, 5);
    Atomics.add(one.counters('b', 4), 2, 7);
    expect([...other.counters('a', 4)]).toEqual([0, 0, 5, 0]);
    expect([...other.counters('b', 4)]).toEqual([0, 0, 7, 0]);
    expect([...other.counters('a', 2)]).toEqual([0, 0]);
  });

  it('gives counters of its own to a key that finds no room, and tells', () => {
    const told: string[] = [];
    const arena = new SharedArena(createArena(0), (key) => told.push(key));
    expect(arena.counters('a', 1).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(arena.counters('b', 8).length).toBe(8);
    expect(told).toEqual(['b']);
    expect(arena.lost).toBe(1);
  });

  it('is filled by several threads at once without a key lost or made twice', async () => {
    const buffer = createArena();
    const source = `
      import { workerData } from 'node:worker_threads';
      const { SharedArena } = await import(workerData.module);
      const arena = new SharedArena(workerData.buffer, () => { throw new Error('full'); });
      for (let i = 0; i < 2000; i++) Atomics.add(arena.counters('key' + i, 1), 0, 1);
    `;
    const module = new URL('./shared-arena.ts', import.meta.url).href;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    await Promise.all(
      [0, 1, 2].map(
        () =>
          new Promise<void>((resolve, reject) => {
            const worker = new Worker(url, { workerData: { buffer, module } });
            worker.once('error', reject);
            worker.once('exit', () => resolve());
          }),
      ),
    );
    const arena = new SharedArena(buffer, none);
    for (let i = 0; i < 2000; i++) expect(arena.counters(`key${i}`, 1)[0]).toBe(3);
  });
});
