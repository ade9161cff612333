// Memory that all data threads see, as main hands it out: the arena of counters, pages of request counters, and how
// many connections each listener has in all threads together.

import type { SeriesTable } from '#proxy/process/series-table.ts';
import { createArena } from './shared-arena.ts';
import type { SharedBlock } from './thread-messages.ts';

export const seriesKey = 'series/';
export const connectionsKey = 'connections/';

export class SharedMemory {
  readonly arena = createArena();
  private readonly series: SeriesTable;
  private readonly threads: number;
  /** Word 0: all connections; word 1 + n: those of thread n. */
  private readonly connections = new Map<string, SharedArrayBuffer>();
  /** Pages that each thread has been told of. */
  private readonly told: number[] = [];

  constructor(series: SeriesTable, threads: number) {
    this.series = series;
    this.threads = threads;
  }

  /** Counter of a listener's connections. One that comes back goes on with it: its old connections are still there. */
  addListener(name: string): SharedBlock {
    let buffer = this.connections.get(name);
    if (buffer === undefined) {
      buffer = new SharedArrayBuffer((1 + this.threads) * Int32Array.BYTES_PER_ELEMENT);
      this.connections.set(name, buffer);
    }
    return { key: connectionsKey + name, buffer };
  }

  remove(name: string): void {
    this.connections.delete(name);
  }

  /** The thread is dead, and its connections with it. */
  forgetThread(thread: number): void {
    for (const buffer of this.connections.values()) {
      const counts = new Int32Array(buffer);
      Atomics.sub(counts, 0, Atomics.exchange(counts, 1 + thread, 0));
    }
  }

  *openConnections(): Generator<[listener: string, count: number]> {
    for (const [name, buffer] of this.connections) yield [name, Atomics.load(new Int32Array(buffer), 0)];
  }

  /** Pages of counters that the thread has not been told of yet. */
  newPages(thread: number): SharedBlock[] {
    const pages = this.series.pages(thread);
    const from = this.told[thread] ?? 0;
    this.told[thread] = pages.length;
    return pages.slice(from).map((buffer, index) => ({ key: `${seriesKey}${from + index}`, buffer }));
  }

  /** Everything, for a thread that starts. */
  blocks(thread: number): SharedBlock[] {
    this.told[thread] = 0;
    return [...this.newPages(thread), ...[...this.connections.keys()].map((name) => this.addListener(name))];
  }
}

export function blockOf(shared: readonly SharedBlock[], key: string): SharedArrayBuffer | null {
  return shared.find((block) => block.key === key)?.buffer ?? null;
}
