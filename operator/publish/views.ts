// All units that compile has yielded, and the views cut out of them. Takes one CompileDelta at a time and hands it to
// every view; the cost follows the delta and not the number of units. Views are made when the first session asks for
// one, and the few that nobody uses are kept for a while, because proxies come back.
//
// What a view is stands in view.ts. This file only keeps the tables that all views share.

import type { CompileDelta } from '#operator/compile/result.ts';
import { knownUnit, type KnownUnit, type UnitStep, type UnitTables } from './known-unit.ts';
import { View } from './view.ts';

const idleViews = 8;

export class Views {
  private readonly units = new Map<string, KnownUnit>();
  /** Listener → the owners that hang on it. */
  private readonly ownersOf = new Map<string, Set<string>>();
  private readonly listenerNames = new Set<string>();
  /** In order of last use, so that the first without sessions is the one to drop. */
  private readonly views = new Map<string, View>();
  private readonly tables: UnitTables;

  constructor() {
    this.tables = {
      units: this.units,
      ownersOf: this.ownersOf,
      listeners: () => this.listenerUnits(),
    };
  }

  /** The view of whoever may see these audiences. The caller counts itself in `view.users`. */
  of(audiences: readonly string[]): View {
    const wanted = [...new Set(audiences)].toSorted();
    const key = JSON.stringify(wanted);
    const view = this.views.get(key) ?? new View(wanted, this.tables);
    this.views.delete(key);
    this.views.set(key, view);
    this.dropIdle();
    return view;
  }

  /** Returns the views that changed. */
  update(delta: CompileDelta): View[] {
    const steps = this.take(delta);
    return [...this.views.values()].filter((view) => view.update(steps));
  }

  /** Every unit, for debug pages. */
  all(): IterableIterator<KnownUnit> {
    return this.units.values();
  }

  list(): IterableIterator<View> {
    return this.views.values();
  }

  /** Removes first: a name that is removed and stated in one delta exists afterwards. */
  private take(delta: CompileDelta): UnitStep[] {
    const steps = new Map<string, UnitStep>();
    const step = (name: string, after: KnownUnit | undefined): void => {
      const before = this.units.get(name);
      const first = steps.get(name);
      steps.set(name, { name, before: first === undefined ? before : first.before, after });
      this.index(before, after);
    };
    for (const name of delta.removes) if (this.units.has(name)) step(name, undefined);
    for (const { unit, inputs } of delta.upserts) step(unit.name, knownUnit(unit, inputs));
    return [...steps.values()];
  }

  private index(before: KnownUnit | undefined, after: KnownUnit | undefined): void {
    if (before !== undefined) {
      this.units.delete(before.unit.name);
      this.listenerNames.delete(before.unit.name);
      if (before.hangsOn !== null) this.ownersOf.get(before.hangsOn)?.delete(before.unit.name);
    }
    if (after !== undefined) {
      this.units.set(after.unit.name, after);
      if (after.unit.kind === 'listener') this.listenerNames.add(after.unit.name);
      if (after.hangsOn !== null) {
        const owners = this.ownersOf.get(after.hangsOn);
        if (owners === undefined) this.ownersOf.set(after.hangsOn, new Set([after.unit.name]));
        else owners.add(after.unit.name);
      }
    }
    const left = before?.hangsOn ?? null;
    if (left !== null && this.ownersOf.get(left)?.size === 0) this.ownersOf.delete(left);
  }

  private *listenerUnits(): Iterable<KnownUnit> {
    for (const name of this.listenerNames) {
      const listener = this.units.get(name);
      if (listener !== undefined) yield listener;
    }
  }

  private dropIdle(): void {
    const idle = [...this.views].filter(([, view]) => view.users === 0);
    // The last one is the one that is being handed out.
    for (const [key] of idle.slice(0, Math.max(0, idle.length - 1 - idleViews))) this.views.delete(key);
  }
}
