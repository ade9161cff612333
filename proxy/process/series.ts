// Counters of requests in shared memory. One slot holds what is counted for one listener, route, pipeline or upstream;
// main hands out slots and sums over threads, a data thread only adds. Each thread has pages of its own, so that no
// two threads write the same word and no atomic is needed; main may read a sum that is a few requests old.
//
// Slot 0 is the sink: what got no slot of its own (the cap was reached) is counted there and shown nowhere else.
// Slot 1 holds the thread's own counters, slot 2 how many requests ended with which error.

export const slotsPerPage = 256;
export const sinkSlot = 0;
export const threadSlot = 1;
export const errorSlot = 2;
export const firstSlot = 3;

/** Upper bounds of the histogram, in seconds; one more bucket above them. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Cells of a slot. Codes: 0 = no answer, 1 to 5 = 1xx to 5xx. From `failure` on, one for each reason of the family. */
export const cell = {
  code: 0,
  bytesIn: 6,
  bytesOut: 7,
  durationSum: 8,
  bucket: 9,
  failure: 21,
  perSlot: 32,
} as const;

/** Cells of slot 1. `building` is no counter: 1 + the place in its change of the unit that is built or put in place. */
export const threadCell = {
  logLines: 0,
  logLinesDropped: 1,
  building: 2,
  turnedAwayPort: 3,
  turnedAwayAddress: 4,
  turnedAwayHeader: 5,
  stalledAnswers: 6,
  shedRequests: 7,
  shedHeads: 8,
} as const;

/** Why a connection was closed before anything was read of what it wants. */
export const turnedAwayCells = {
  port: threadCell.turnedAwayPort,
  address: threadCell.turnedAwayAddress,
  header: threadCell.turnedAwayHeader,
} as const;

export const pageBytes = slotsPerPage * cell.perSlot * Float64Array.BYTES_PER_ELEMENT;

/** Where one name is counted. Kept by what is built for a unit; `cells` and `base` move when the slot is taken away. */
export interface SeriesHandle {
  cells: Float64Array;
  base: number;
}

/** One request, or one call of an upstream. */
export interface Measured {
  /** 0 = no answer. */
  readonly status: number;
  readonly durationMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export function count(handle: SeriesHandle, measured: Measured): void {
  const { cells, base } = handle;
  const { status } = measured;
  const codeClass = status >= 100 && status < 600 ? (status / 100) | 0 : 0;
  const code = base + codeClass;
  cells[code] = (cells[code] as number) + 1;
  cells[base + cell.bytesIn] = (cells[base + cell.bytesIn] as number) + measured.bytesIn;
  cells[base + cell.bytesOut] = (cells[base + cell.bytesOut] as number) + measured.bytesOut;
  const seconds = measured.durationMs / 1000;
  cells[base + cell.durationSum] = (cells[base + cell.durationSum] as number) + seconds;
  const bucket = base + cell.bucket + bucketOf(seconds);
  cells[bucket] = (cells[bucket] as number) + 1;
}

/** Adds to one cell of a slot. */
export function addOne({ cells, base }: SeriesHandle, index: number): void {
  cells[base + index] = (cells[base + index] as number) + 1;
}

function bucketOf(seconds: number): number {
  let index = 0;
  while (index < durationBuckets.length && seconds > (durationBuckets[index] as number)) index++;
  return index;
}

/** A data thread's side: handles by name of the unit, on pages that main hands out. */
export class SeriesPages {
  private readonly pages: Float64Array[] = [];
  private readonly handles = new Map<string, SeriesHandle>();
  private readonly sink: SeriesHandle;
  readonly thread: SeriesHandle;
  readonly errors: SeriesHandle;

  /** `first` is page 0, which every thread gets at its start. */
  constructor(first: SharedArrayBuffer) {
    const cells = new Float64Array(first);
    this.pages.push(cells);
    this.sink = { cells, base: sinkSlot * cell.perSlot };
    this.thread = { cells, base: threadSlot * cell.perSlot };
    this.errors = { cells, base: errorSlot * cell.perSlot };
  }

  /** Pages come in order and are never taken back. */
  addPage(index: number, page: SharedArrayBuffer): void {
    this.pages[index] ??= new Float64Array(page);
  }

  /** Several builds of one unit share the handle, so that a request that ends late is counted all the same. */
  handle(name: string): SeriesHandle {
    return this.handles.get(name) ?? this.sink;
  }

  assign(name: string, slot: number): void {
    const cells = this.pages[(slot / slotsPerPage) | 0];
    if (cells === undefined) return;
    const base = (slot % slotsPerPage) * cell.perSlot;
    const known = this.handles.get(name);
    if (known === undefined) {
      this.handles.set(name, { cells, base });
    } else {
      known.cells = cells;
      known.base = base;
    }
  }

  /** The slot goes to someone else: what still holds the handle counts into the sink from now on. */
  release(name: string): void {
    const handle = this.handles.get(name);
    if (handle === undefined) return;
    handle.cells = this.sink.cells;
    handle.base = this.sink.base;
    this.handles.delete(name);
  }
}
