// Main's side of the request counters: which name has which slot, and the sums over all threads as text. Every family
// has one label for the name and at most one more, from a closed set; there is no cross product, so the number of series
// grows with the number of names only. Names beyond the cap are counted in nobody's slot, and a metric says how many they are.

import { cell, durationBuckets, errorSlot, firstSlot, pageBytes, slotsPerPage, threadSlot } from './series.ts';
import { escapeLabel, familyHead, numberText, type Collector } from './metrics.ts';

export interface SeriesFamily {
  /** `easegress_route`: every name of the family begins with it. */
  readonly prefix: string;
  /** Name of the label. */
  readonly label: string;
  /** What is counted, for the help text: `answered by the route`. */
  readonly what: string;
  /** Whether bytes are counted for it. */
  readonly bytes: boolean;
  /** Reasons of failure that are counted for it, in the order of their cells; 11 at most. */
  readonly failures?: readonly string[];
}

interface Slot {
  readonly name: string;
  readonly family: SeriesFamily;
  readonly labelValue: string;
  readonly index: number;
  /** When it was removed, null while it is in use. */
  removedAt: number | null;
}

export interface SeriesTableOptions {
  readonly families: readonly SeriesFamily[];
  /** Slots at most. */
  readonly cap: number;
  /** How long a removed name is still shown. */
  readonly keepMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class SeriesTable {
  private readonly options: SeriesTableOptions;
  private readonly slots = new Map<string, Slot>();
  private readonly removed = new Set<Slot>();
  private readonly refusedNames = new Set<string>();
  private readonly free: number[] = [];
  private next = firstSlot;
  /** [thread][page] */
  private readonly threads: SharedArrayBuffer[][];

  constructor(threads: number, options: SeriesTableOptions) {
    this.options = options;
    this.threads = Array.from({ length: threads }, () => [new SharedArrayBuffer(pageBytes)]);
  }

  get threadCount(): number {
    return this.threads.length;
  }

  /** Pages of one thread, in order. A thread that is started again gets the same ones, so that counters never fall. */
  pages(thread: number): readonly SharedArrayBuffer[] {
    return this.threads[thread] ?? [];
  }

  /** The slot of a name, null when the cap is reached. A name that comes back in time keeps its numbers. */
  assign(name: string, family: SeriesFamily, labelValue: string): number | null {
    const known = this.slots.get(name);
    if (known !== undefined) {
      known.removedAt = null;
      this.removed.delete(known);
      return known.index;
    }
    const index = this.free.pop() ?? this.take();
    if (index === null) {
      this.refusedNames.add(name);
      return null;
    }
    this.refusedNames.delete(name);
    this.clear(index);
    this.slots.set(name, { name, family, labelValue, index, removedAt: null });
    return index;
  }

  remove(name: string): void {
    this.refusedNames.delete(name);
    const slot = this.slots.get(name);
    if (slot === undefined) return;
    slot.removedAt = this.options.now();
    this.removed.add(slot);
  }

  /** Frees the slots of names that were removed long enough ago and says which; threads must be told before reuse. */
  expire(): string[] {
    const before = this.options.now() - this.options.keepMs;
    const names: string[] = [];
    // In order of removal, so the first that is too young ends it.
    for (const slot of this.removed) {
      if (slot.removedAt === null || slot.removedAt > before) break;
      this.removed.delete(slot);
      this.slots.delete(slot.name);
      this.free.push(slot.index);
      names.push(slot.name);
    }
    return names;
  }

  get refused(): number {
    return this.refusedNames.size;
  }

  get size(): number {
    return this.slots.size;
  }

  /** Every name that has a slot, for a thread that starts. */
  assignments(): Record<string, number> {
    return Object.fromEntries([...this.slots.values()].map((slot) => [slot.name, slot.index]));
  }

  /** Sum of one of the threads' own counters. */
  threadTotal(index: number): number {
    return this.sum(threadSlot)[index] ?? 0;
  }

  /** Requests that ended with one error, in all threads. */
  errorTotal(index: number): number {
    return this.sum(errorSlot)[index] ?? 0;
  }

  /** One of a thread's own cells, also when the thread has ended. */
  threadValue(thread: number, index: number): number {
    const page = this.threads[thread]?.[0];
    return page === undefined ? 0 : (new Float64Array(page)[threadSlot * cell.perSlot + index] ?? 0);
  }

  readonly collect: Collector = (out) => {
    for (const family of this.options.families) this.collectFamily(family, out);
  };

  private take(): number | null {
    if (this.next >= this.options.cap + firstSlot) return null;
    const index = this.next++;
    const page = (index / slotsPerPage) | 0;
    for (const pages of this.threads) pages[page] ??= new SharedArrayBuffer(pageBytes);
    return index;
  }

  private clear(index: number): void {
    for (const cells of this.cellsOf(index)) cells.fill(0);
  }

  private *cellsOf(index: number): Generator<Float64Array> {
    const page = (index / slotsPerPage) | 0;
    const offset = (index % slotsPerPage) * cell.perSlot * Float64Array.BYTES_PER_ELEMENT;
    for (const pages of this.threads) {
      const buffer = pages[page];
      if (buffer !== undefined) yield new Float64Array(buffer, offset, cell.perSlot);
    }
  }

  private sum(index: number): Float64Array {
    const total = new Float64Array(cell.perSlot);
    for (const cells of this.cellsOf(index))
      for (let i = 0; i < total.length; i++) total[i] = at(total, i) + at(cells, i);
    return total;
  }

  /** Names without a single request are left out: a table of 10,000 idle routes is a short page. */
  private collectFamily(family: SeriesFamily, out: string[]): void {
    const requests: string[] = [];
    const durations: string[] = [];
    const received: string[] = [];
    const sent: string[] = [];
    const failed: string[] = [];
    const { prefix, failures = [] } = family;
    for (const slot of this.slots.values()) {
      if (slot.family !== family) continue;
      const cells = this.sum(slot.index);
      const label = `${family.label}="${escapeLabel(slot.labelValue)}"`;
      const total = bucketLines(cells, `${prefix}_request_duration_seconds`, label, durations);
      if (total === 0) continue;
      codeLines(cells, `${prefix}_requests_total`, label, requests);
      failureLines(cells, { name: `${prefix}_failures_total`, label, reasons: failures }, failed);
      received.push(`${prefix}_received_bytes_total{${label}} ${numberText(at(cells, cell.bytesIn))}\n`);
      sent.push(`${prefix}_sent_bytes_total{${label}} ${numberText(at(cells, cell.bytesOut))}\n`);
    }
    const { what } = family;
    familyHead(
      out,
      { name: `${prefix}_requests_total`, help: `Requests ${what}, by class of status code.` },
      'counter',
    );
    out.push(...requests);
    const duration = { name: `${prefix}_request_duration_seconds`, help: `Time that requests ${what} took.` };
    familyHead(out, duration, 'histogram');
    out.push(...durations);
    if (failures.length > 0) {
      familyHead(
        out,
        { name: `${prefix}_failures_total`, help: `Requests ${what} that failed, by reason.` },
        'counter',
      );
      out.push(...failed);
    }
    if (!family.bytes) return;
    familyHead(out, { name: `${prefix}_received_bytes_total`, help: `Bytes received in requests ${what}.` }, 'counter');
    out.push(...received);
    familyHead(out, { name: `${prefix}_sent_bytes_total`, help: `Bytes sent for requests ${what}.` }, 'counter');
    out.push(...sent);
  }
}

function codeLines(cells: Float64Array, name: string, label: string, out: string[]): void {
  for (let codeClass = 0; codeClass <= 5; codeClass++) {
    const value = at(cells, cell.code + codeClass);
    if (value === 0) continue;
    out.push(`${name}{${label},code_class="${codeClass === 0 ? 'none' : `${codeClass}xx`}"} ${numberText(value)}\n`);
  }
}

function failureLines(
  cells: Float64Array,
  { name, label, reasons }: { readonly name: string; readonly label: string; readonly reasons: readonly string[] },
  out: string[],
): void {
  for (const [index, reason] of reasons.entries()) {
    const value = at(cells, cell.failure + index);
    if (value > 0) out.push(`${name}{${label},reason="${reason}"} ${numberText(value)}\n`);
  }
}

/** Adds the lines of one histogram when it is not empty, and returns its count. */
function bucketLines(cells: Float64Array, name: string, label: string, out: string[]): number {
  let total = 0;
  const lines: string[] = [];
  for (let i = 0; i <= durationBuckets.length; i++) {
    total += at(cells, cell.bucket + i);
    const bound = durationBuckets[i] ?? '+Inf';
    lines.push(`${name}_bucket{${label},le="${bound}"} ${numberText(total)}\n`);
  }
  if (total === 0) return 0;
  out.push(...lines);
  out.push(`${name}_sum{${label}} ${numberText(at(cells, cell.durationSum))}\n`);
  out.push(`${name}_count{${label}} ${numberText(total)}\n`);
  return total;
}

function at(cells: Float64Array, index: number): number {
  return cells[index] as number;
}
