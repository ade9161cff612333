// What main does for a change before the data threads see it: finds out where its listeners bind, resolves its names,
// and gives its units slots for their counters.

import type { Rejection, UnitChange, WireUnit } from '#proxy/contract/messages.ts';
import type { SeriesTable } from '#proxy/process/series-table.ts';
import type { Resolver } from '#proxy/upstream/resolver.ts';
import type { Addresses } from './addresses.ts';
import { namesOfUnit, type NamesInUse } from './names.ts';
import { familyOf, labelOf } from './series-names.ts';
import type { SharedMemory } from './shared-memory.ts';
import type { BindAddress, PrepareStep, ResolvedNames, SharedBlock } from './thread-messages.ts';
import { isRejection, readUnit } from './unit-door.ts';

export interface PlanKit {
  readonly addresses: Addresses;
  readonly names: NamesInUse;
  readonly resolver: Resolver;
  readonly series: SeriesTable;
  readonly memory: SharedMemory;
  readonly timer: (ms: number, fn: () => void) => () => void;
}

export interface Plan {
  readonly change: UnitChange;
  /** Units that need not be offered to the threads. */
  readonly rejected: readonly Rejection[];
  readonly step: (thread: number) => PrepareStep;
}

/** A name that takes longer comes later: until then its upstream has no endpoint. */
const resolvePatienceMs = 300;

export async function planChange(change: UnitChange, kit: PlanKit): Promise<Plan> {
  const addresses: Record<string, BindAddress> = {};
  const shared: SharedBlock[] = [];
  const rejected: Rejection[] = [];
  for (const unit of change.upserts) {
    if (unit.kind !== 'listener') continue;
    const place = await placeOf(unit, kit.addresses);
    if ('diagnostics' in place) {
      rejected.push(place);
      continue;
    }
    addresses[unit.name] = place;
    shared.push(kit.memory.addListener(unit.name));
  }
  const refused = new Set(rejected.map(({ unit }) => unit));
  const offered = { ...change, upserts: change.upserts.filter((unit) => !refused.has(unit.name)) };
  const resolved = await resolveNames(offered.upserts, kit);
  const series = assignSeries(offered.upserts, kit.series);
  return {
    change,
    rejected,
    step: (thread) => ({
      change: offered,
      // As it is when the step is sent: what changed before that was told to threads that did not need it yet.
      resolved: resolved(),
      shared: [...kit.memory.newPages(thread), ...shared],
      series,
      addresses,
    }),
  };
}

async function placeOf(wire: WireUnit, addresses: Addresses): Promise<BindAddress | Rejection> {
  const unit = readUnit(wire);
  if (isRejection(unit)) return unit;
  // The kind was compared before; this is what tells the compiler.
  if (unit.kind !== 'listener') throw new Error('not a listener');
  return addresses.claim(unit);
}

/** Waits for new names; the returned function gives the addresses of all names of these units. */
async function resolveNames(units: readonly WireUnit[], kit: PlanKit): Promise<() => ResolvedNames> {
  const names = new Set(units.flatMap(namesOfUnit));
  if (names.size === 0) return () => ({});
  if (!kit.names.hasAll(names)) {
    let cancel = (): void => undefined;
    const patience = new Promise<void>((resolve) => (cancel = kit.timer(resolvePatienceMs, resolve)));
    await Promise.race([kit.resolver.use(new Set([...kit.names.all(), ...names])), patience]);
    cancel();
  }
  return () => {
    const known = kit.resolver.current();
    return Object.fromEntries([...names].flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])));
  };
}

function assignSeries(units: readonly WireUnit[], table: SeriesTable): Record<string, number> {
  const slots: Record<string, number> = {};
  for (const unit of units) {
    const family = familyOf(unit);
    const slot = family === null ? null : table.assign(unit.name, family, labelOf(unit));
    if (slot !== null) slots[unit.name] = slot;
  }
  return slots;
}
