// What units the proxy has. `accepted` is what runs; `rejected` is what was offered and refused, beside which the
// accepted one of that name, if there is any, goes on; `lastGood` is what the disk keeps: everything accepted, and
// what came from disk and cannot run just now (a port in use), until something better or a removal comes.

import type { LiveChange, Rejection, UnitChange, WireUnit } from '#proxy/contract/messages.ts';
import type { ApplyResult, UnitTable as SentTable } from '#proxy/sources/source.ts';

interface Refused {
  readonly unit: WireUnit;
  readonly rejection: Rejection;
}

export class UnitTable {
  /** Of the view that was applied last, `` = none. */
  version = '';
  readonly accepted = new Map<string, WireUnit>();
  readonly rejected = new Map<string, Refused>();
  readonly lastGood = new Map<string, WireUnit>();

  /** Units from disk before anything was tried. */
  keep(units: Iterable<WireUnit>): void {
    for (const unit of units) this.lastGood.set(unit.name, unit);
  }

  /** What of a change is news: units that are accepted as they are need no work. */
  news(change: UnitChange): UnitChange {
    const upserts = change.upserts.filter((unit) => {
      return this.rejected.has(unit.name) || this.accepted.get(unit.name)?.hash !== unit.hash;
    });
    const removes = change.removes.filter((name) => this.accepted.has(name) || this.rejected.has(name));
    return { version: change.version, upserts, removes };
  }

  apply(change: UnitChange, rejections: readonly Rejection[]): void {
    const refused = new Map(rejections.map((rejection) => [rejection.unit, rejection]));
    for (const name of change.removes) this.remove(name);
    for (const unit of change.upserts) {
      const rejection = refused.get(unit.name);
      if (rejection === undefined) this.accept(unit);
      else this.rejected.set(unit.name, { unit, rejection });
    }
    this.version = change.version;
  }

  applyLive(change: LiveChange): void {
    for (const name of change.removes) this.remove(name);
    for (const unit of change.upserts) this.accept(unit);
  }

  /** What a restart may rely on: not the version of a view that is not wholly there. */
  get lastGoodVersion(): string {
    return this.rejected.size === 0 ? this.version : '';
  }

  verdict(): ApplyResult {
    return { version: this.version, rejected: [...this.rejected.values()].map(({ rejection }) => rejection) };
  }

  /** Rejected units are told as what was offered: sending them again would change nothing. */
  sent(): SentTable {
    const entries: Record<string, string> = {};
    for (const unit of this.accepted.values()) entries[unit.name] = unit.hash;
    for (const { unit } of this.rejected.values()) entries[unit.name] = unit.hash;
    return { version: this.version, entries };
  }

  private accept(unit: WireUnit): void {
    this.accepted.set(unit.name, unit);
    this.lastGood.set(unit.name, unit);
    this.rejected.delete(unit.name);
  }

  private remove(name: string): void {
    this.accepted.delete(name);
    this.rejected.delete(name);
    this.lastGood.delete(name);
  }
}
