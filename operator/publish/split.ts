// Cuts a change into messages that keep within the bound. Units are only held by reference, so that a change that
// waits for a slow proxy costs no memory of its own; each message is made when the outlet can take it.

import { maxMessageBytes, type ToProxy, type WireUnit } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';

/** Room for a message's own fields. */
const overhead = 1024;
export const maxUnitBytes = maxMessageBytes - overhead;

export interface Change {
  readonly version: string;
  readonly base: string;
  readonly upserts: readonly AnyUnit[];
  readonly removes: readonly string[];
}

/** Not a single unit may be over `maxUnitBytes`. */
export function* changeMessages(change: Change): Generator<ToProxy, void, void> {
  const { version, base } = change;
  const [removes, ...moreRemoves] = runs(change.removes, nameBytes);
  yield { type: 'delta', version, base, removes: removes ?? [] };
  // A delta adds to what the one before it opened for the same version.
  for (const names of moreRemoves) yield { type: 'delta', version, base, removes: names };
  for (const units of runs(change.upserts, unitBytes)) yield { type: 'units', units: onWire(units) };
  yield { type: 'commit', version };
}

/** `seq` gives each message its own number. */
export function* liveMessages(
  upserts: readonly AnyUnit[],
  removes: readonly string[],
  seq: () => number,
): Generator<ToProxy, void, void> {
  for (const units of runs(upserts, unitBytes)) yield { type: 'live', seq: seq(), upserts: onWire(units), removes: [] };
  for (const names of runs(removes, nameBytes)) yield { type: 'live', seq: seq(), upserts: [], removes: names };
}

/** A unit is a wire unit whose content has been checked; only `readonly` keeps the compiler from seeing it. */
function onWire(units: readonly AnyUnit[]): WireUnit[] {
  return units as unknown as WireUnit[];
}

const sizes = new WeakMap<AnyUnit, number>();

export function unitBytes(unit: AnyUnit): number {
  const known = sizes.get(unit);
  if (known !== undefined) return known;
  const size = Buffer.byteLength(JSON.stringify(unit)) + 1;
  sizes.set(unit, size);
  return size;
}

function nameBytes(name: string): number {
  return Buffer.byteLength(JSON.stringify(name)) + 1;
}

function* runs<T>(items: readonly T[], bytes: (item: T) => number): Generator<T[], void, void> {
  let run: T[] = [];
  let size = 0;
  for (const item of items) {
    const more = bytes(item);
    if (size + more > maxUnitBytes && run.length > 0) {
      yield run;
      run = [];
      size = 0;
    }
    run.push(item);
    size += more;
  }
  if (run.length > 0) yield run;
}
