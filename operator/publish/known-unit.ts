// A unit as publish keeps it, and the tables of all units that the views share.

import { unitKinds, unitReferences, type AnyUnit, type UnitKind } from '#proxy/contract/units.ts';

/** A unit with what the views need of it, worked out once. */
export interface KnownUnit {
  readonly unit: AnyUnit;
  readonly inputs: string;
  readonly live: boolean;
  /** Names it refers to. An owner's listener is in `hangsOn`, because that edge points the other way. */
  readonly references: readonly string[];
  /** The listener through which an owner is reached, null for all other kinds. */
  readonly hangsOn: string | null;
}

/** One unit's step from what it was to what it is. */
export interface UnitStep {
  readonly name: string;
  readonly before: KnownUnit | undefined;
  readonly after: KnownUnit | undefined;
}

/** What a view may look at. */
export interface UnitTables {
  readonly units: ReadonlyMap<string, KnownUnit>;
  readonly ownersOf: ReadonlyMap<string, ReadonlySet<string>>;
  listeners(): Iterable<KnownUnit>;
}

export function knownUnit(unit: AnyUnit, inputs: string): KnownUnit {
  return {
    unit,
    inputs,
    live: unitKinds[unit.kind].live,
    references: unitReferences(unit),
    hangsOn: unit.kind === 'owner' ? unit.content.listener : null,
  };
}

/** By the name alone, for names in a proxy's table that exist no more: a unit's name begins with its kind. */
export function namesLiveUnit(name: string): boolean {
  const kind = name.slice(0, Math.max(0, name.indexOf('/')));
  return Object.hasOwn(unitKinds, kind) && unitKinds[kind as UnitKind].live;
}
