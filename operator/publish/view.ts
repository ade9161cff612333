// The units that one audience may see: the closure of what its listeners reach, kept by counting references, and what
// changed in it lately. Nothing outside it is ever sent to a session of the view.
//
//   audience ──▶ listener ──▶ owner ──▶ rule ──▶ pipeline ──▶ upstream ──▶ endpoints (live)
//
// A unit is a member while it exists and something counts it: the audience (a listener), or a member that refers to
// it. Units form a graph without cycles (units.ts), so counting is exact. Every change of the closure is one step of
// a bounded history; a session that knows where it stands in it gets the difference.

import { ViewVersion } from '#proxy/contract/hash.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import { History, type Changed } from './history.ts';
import { namesLiveUnit, type KnownUnit, type UnitStep, type UnitTables } from './known-unit.ts';

interface Member {
  /** What this view counted for it, so that leaving takes back exactly that. */
  readonly references: readonly string[];
  readonly hash: string;
  readonly live: boolean;
  /** The step at which it came or changed. */
  since: number;
}

export class View {
  readonly audiences: readonly string[];
  /** Sessions that use it. */
  users = 0;
  private readonly tables: UnitTables;
  private readonly counts = new Map<string, number>();
  private readonly members = new Map<string, Member>();
  private readonly roots = new Set<string>();
  /** Owner → the listener that counted it. */
  private readonly hanging = new Map<string, string>();
  /** What was true before the running update, for each name that it touched. */
  private readonly touched = new Map<string, Member | undefined>();
  private readonly versionSum = new ViewVersion();
  private readonly digestSum = new ViewVersion();
  private readonly history = new History();

  constructor(audiences: readonly string[], tables: UnitTables) {
    this.audiences = audiences;
    this.tables = tables;
    for (const listener of tables.listeners()) this.root(listener.unit.name, listener);
    this.commit();
  }

  /** Hash of the members that are not live. */
  get version(): string {
    return this.versionSum.toString();
  }

  /** The last step. Grows by one with every update that changed something. */
  get seq(): number {
    return this.history.last;
  }

  get size(): number {
    return this.members.size;
  }

  unit(name: string): AnyUnit | undefined {
    return this.members.has(name) ? this.tables.units.get(name)?.unit : undefined;
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  names(): IterableIterator<string> {
    return this.members.keys();
  }

  /** The step at which the unit got the content it has, or -1 when it is no member. */
  since(name: string): number {
    return this.members.get(name)?.since ?? -1;
  }

  /** Names that changed after `seq`, or null when that is too long ago. */
  changedAfter(seq: number): Changed | null {
    return this.history.after(seq);
  }

  /** The step after which the whole view, live units too, had this digest; null when it is not remembered. */
  stepOf(digest: string): number | null {
    return this.history.stepOf(digest);
  }

  /** What differs from a proxy's table. */
  differs(table: ReadonlyMap<string, string>): Changed {
    const versioned = new Set<string>();
    const live = new Set<string>();
    for (const [name, member] of this.members) {
      if (table.get(name) !== member.hash) (member.live ? live : versioned).add(name);
    }
    for (const name of table.keys()) {
      if (!this.members.has(name)) (namesLiveUnit(name) ? live : versioned).add(name);
    }
    return { versioned, live };
  }

  /** Follows the shared tables, which have taken the steps already. Returns whether anything changed. */
  update(steps: readonly UnitStep[]): boolean {
    for (const { name, before, after } of steps) {
      this.root(name, after);
      if (before?.hangsOn != null || after?.hangsOn != null) this.hang(name);
      this.refresh(name, after);
    }
    return this.commit();
  }

  private root(name: string, listener: KnownUnit | undefined): void {
    const selected = listener?.unit.kind === 'listener' && this.audiences.includes(listener.unit.content.audience);
    if (selected === this.roots.has(name)) return;
    if (selected) {
      this.roots.add(name);
      this.count(name);
    } else {
      this.roots.delete(name);
      this.uncount(name);
    }
  }

  /** An owner is counted by its listener while that is a member. */
  private hang(owner: string): void {
    const listener = this.tables.units.get(owner)?.hangsOn ?? null;
    const wanted = listener !== null && this.members.has(listener) ? listener : undefined;
    const counted = this.hanging.get(owner);
    if (wanted === counted) return;
    if (wanted === undefined) this.hanging.delete(owner);
    else this.hanging.set(owner, wanted);
    if (wanted !== undefined) this.count(owner);
    if (counted !== undefined) this.uncount(owner);
  }

  private count(name: string): void {
    const counted = this.counts.get(name) ?? 0;
    this.counts.set(name, counted + 1);
    if (counted === 0) this.refresh(name, this.tables.units.get(name));
  }

  private uncount(name: string): void {
    const left = (this.counts.get(name) ?? 0) - 1;
    if (left > 0) {
      this.counts.set(name, left);
      return;
    }
    this.counts.delete(name);
    this.refresh(name, this.tables.units.get(name));
  }

  /** Makes membership of one name agree with what exists and what counts it. */
  private refresh(name: string, unit: KnownUnit | undefined): void {
    const before = this.members.get(name);
    const wanted = unit !== undefined && this.counts.has(name);
    if (!wanted && before === undefined) return;
    if (wanted && before?.hash === unit.unit.hash) return;
    if (!this.touched.has(name)) this.touched.set(name, before);
    if (wanted) {
      const { references, live } = unit;
      this.members.set(name, { references, live, hash: unit.unit.hash, since: 0 });
      // First what is new, then what is old: what both refer to never leaves in between.
      for (const reference of references) this.count(reference);
    } else {
      this.members.delete(name);
    }
    for (const reference of before?.references ?? []) this.uncount(reference);
    // Owners that changed themselves are among the steps; these are the others.
    if (wanted !== (before !== undefined)) for (const owner of this.tables.ownersOf.get(name) ?? []) this.hang(owner);
  }

  private commit(): boolean {
    const versioned: string[] = [];
    const live: string[] = [];
    for (const [name, before] of this.touched) {
      const now = this.members.get(name);
      if (now?.hash === before?.hash) {
        if (now !== undefined && before !== undefined) now.since = before.since;
        continue;
      }
      const isLive = (now ?? before)?.live === true;
      (isLive ? live : versioned).push(name);
      if (before !== undefined) this.subtract(name, before);
      if (now !== undefined) this.add(name, now);
      if (now !== undefined) now.since = this.history.last + 1;
    }
    this.touched.clear();
    if (versioned.length + live.length === 0) return false;
    this.history.add({ versioned, live, digest: this.digestSum.toString() });
    return true;
  }

  private add(name: string, member: Member): void {
    this.digestSum.add(name, member.hash);
    if (!member.live) this.versionSum.add(name, member.hash);
  }

  private subtract(name: string, member: Member): void {
    this.digestSum.remove(name, member.hash);
    if (!member.live) this.versionSum.remove(name, member.hash);
  }
}
