// Memory of a computation that is asked again after small changes. A cell is one step for one key; while it runs the
// graph notes what it reads, and later runs it again only when something it read has changed in value. So a change
// costs what depends on it, and equal inputs give equal cells whatever came before.
//
//   input ──▶ cell ──▶ cell ──▶ output          an arrow goes from a lower level to a higher one, never back
//
// A cell whose new value is the `same` as its old one stops the wave. A cell that nobody reads any more is dropped.
// compile.ts drives it; the other files of this folder define the cells.

/** A kind of step. `level` orders the kinds: a step reads only kinds of a lower level. */
export interface CellKind<T> {
  readonly name: string;
  readonly level: number;
  /** `before` may save work where what is made anew would be equal; it must not show in the value. */
  compute(key: string, read: Reader, before: T | undefined): T;
  same(before: T, after: T): boolean;
}

/** A kind whose values are set from outside; level 0. */
export interface InputKind<T> {
  readonly name: string;
  readonly level: 0;
  /** Value of a key that was never set. */
  readonly absent: T;
}

export interface Reader {
  /** The value, now and whenever it changes. */
  get<T>(kind: CellKind<T> | InputKind<T>, key: string): T;
  /** Keeps the cell alive without running again when it changes: it is an output of its own. */
  hold<T>(kind: CellKind<T>, key: string): void;
}

/** An output that changed. `undefined` = did not exist before, or does not any more. */
export interface CellChange {
  readonly kind: string;
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

interface Cell {
  readonly kind: CellKind<unknown> | InputKind<unknown>;
  readonly key: string;
  value: unknown;
  /** What this one read (true) or only holds (false). */
  reads: ReadonlyMap<Cell, boolean>;
  /** Cells that read or hold this one. */
  readonly readers: Set<Cell>;
  /** Asked for from outside: stays without readers. */
  wanted: boolean;
  /** Value at the start of this settling, when it changed since. */
  before: { readonly value: unknown } | null;
}

const nothing: ReadonlyMap<Cell, boolean> = new Map();

export class Graph {
  private readonly cells = new Map<string, Cell>();
  private readonly dirty: Set<Cell>[] = [];
  private readonly changed = new Set<Cell>();
  private orphans = new Set<Cell>();
  private readonly trace: (step: string) => void;

  /** `trace` is told of every step that runs. */
  constructor(trace: (step: string) => void = () => {}) {
    this.trace = trace;
  }

  /** Sets an input; its `absent` value takes it away. A group that changed in place is set to itself. */
  set<T>(kind: InputKind<T>, key: string, value: T): void {
    const cell = this.cell(kind, key);
    cell.value = value;
    cell.wanted = value !== kind.absent;
    if (!cell.wanted) this.orphans.add(cell);
    this.soilReaders(cell);
  }

  /** Asks for a cell's value as an output, or no longer. */
  want<T>(kind: CellKind<T>, key: string, wanted: boolean): void {
    const id = idOf(kind, key);
    const known = this.cells.get(id);
    if (known === undefined && !wanted) return;
    const cell = known ?? this.create(kind, key);
    cell.wanted = wanted;
    if (known === undefined) this.soil(cell);
    if (!wanted) this.orphans.add(cell);
  }

  /** Runs what must run and tells which cells have another value than before. */
  settle(): CellChange[] {
    for (let level = 0; level < this.dirty.length; level++) {
      const cells = this.dirty[level];
      if (cells === undefined) continue;
      for (const cell of cells) {
        // One that nobody needs any more waits: a reader may still come, else it is swept.
        if (!alive(cell)) continue;
        cells.delete(cell);
        this.run(cell);
      }
    }
    this.sweep();
    const changes: CellChange[] = [];
    for (const cell of this.changed) {
      const exists = this.cells.get(idOf(cell.kind, cell.key)) === cell;
      const before = cell.before?.value;
      const after = exists ? cell.value : undefined;
      cell.before = null;
      if (before !== undefined || after !== undefined) {
        changes.push({ kind: cell.kind.name, key: cell.key, before, after });
      }
    }
    this.changed.clear();
    return changes;
  }

  /** Number of cells, for the test that nothing is left behind. */
  get size(): number {
    return this.cells.size;
  }

  private run(cell: Cell): void {
    const { kind } = cell;
    if (!('compute' in kind)) return;
    this.trace(idOf(kind, cell.key));
    const former = cell.reads;
    const reads = new Map<Cell, boolean>();
    const link = <T>(target: CellKind<T> | InputKind<T>, key: string, rerun: boolean): unknown => {
      if (target.level >= kind.level) throw new Error(`${kind.name} may not read ${target.name}`);
      const read = this.settled(target, key);
      reads.set(read, rerun || reads.get(read) === true);
      read.readers.add(cell);
      return read.value;
    };
    const reader: Reader = {
      get: <T>(target: CellKind<T> | InputKind<T>, key: string): T => link(target, key, true) as T,
      hold: (target, key) => void link(target, key, false),
    };
    const value = kind.compute(cell.key, reader, cell.value);
    cell.reads = reads;
    for (const read of former.keys()) if (!reads.has(read)) this.leave(read, cell);
    if (cell.value !== undefined && kind.same(cell.value, value)) return;
    this.note(cell);
    cell.value = value;
    this.soilReaders(cell);
  }

  /** The cell with its final value: made when it is new, run when it still waits. Its level is below the reader's. */
  private settled<T>(kind: CellKind<T> | InputKind<T>, key: string): Cell {
    const known = this.cells.get(idOf(kind, key));
    const cell = known ?? this.create(kind, key);
    const waiting = this.dirty[kind.level]?.delete(cell) === true;
    if (known === undefined || waiting) this.run(cell);
    return cell;
  }

  private cell<T>(kind: CellKind<T> | InputKind<T>, key: string): Cell {
    return this.cells.get(idOf(kind, key)) ?? this.create(kind, key);
  }

  private create<T>(kind: CellKind<T> | InputKind<T>, key: string): Cell {
    const cell: Cell = {
      kind: kind as CellKind<unknown> | InputKind<unknown>,
      key,
      value: 'absent' in kind ? kind.absent : undefined,
      reads: nothing,
      readers: new Set(),
      wanted: false,
      before: null,
    };
    this.cells.set(idOf(kind, key), cell);
    this.orphans.add(cell);
    return cell;
  }

  private soil(cell: Cell): void {
    (this.dirty[cell.kind.level] ??= new Set()).add(cell);
  }

  private soilReaders(cell: Cell): void {
    for (const reader of cell.readers) if (reader.reads.get(cell) === true) this.soil(reader);
  }

  private note(cell: Cell): void {
    cell.before ??= { value: cell.value };
    this.changed.add(cell);
  }

  private leave(cell: Cell, reader: Cell): void {
    cell.readers.delete(reader);
    if (!alive(cell)) this.orphans.add(cell);
  }

  /** Drops cells that nothing needs. Done after all have run, because one cell may take over from another. */
  private sweep(): void {
    while (this.orphans.size > 0) {
      const orphans = this.orphans;
      this.orphans = new Set();
      for (const cell of orphans) {
        if (alive(cell)) continue;
        if ('compute' in cell.kind) this.note(cell);
        this.cells.delete(idOf(cell.kind, cell.key));
        this.dirty[cell.kind.level]?.delete(cell);
        for (const read of cell.reads.keys()) this.leave(read, cell);
      }
    }
  }
}

function alive(cell: Cell): boolean {
  return cell.wanted || cell.readers.size > 0;
}

function idOf(kind: { readonly name: string }, key: string): string {
  return `${kind.name} ${key}`;
}
