// The status of every object, kept up to date by what changed: objects, compile's delta, acks. Only objects that one
// of these touches are computed again, so one change among ten thousand objects costs one object. What an object's
// conditions are is decided in conditions.ts; here is only the bookkeeping.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { sharedValue } from '#proxy/primitives/same-value.ts';
import type { CompileDelta } from '#operator/compile/result.ts';
import { keyOf, type ObjectKey } from '#operator/resources/object.ts';
import type { ObjectChange } from '#operator/store/store.ts';
import { type AckState, noAcks } from './acks.ts';
import { type Condition, conditionsOf } from './conditions.ts';
import { ExpiryWatch } from './expiry.ts';
import { UnitIndex } from './unit-index.ts';

export interface ObjectStatus {
  readonly object: ObjectKey;
  readonly conditions: readonly Condition[];
  readonly diagnostics: readonly Diagnostic[];
}

/** What happened since the last update. All parts belong to one moment. */
export interface StatusChange {
  readonly objects?: readonly ObjectChange[];
  readonly delta?: CompileDelta;
  readonly acks?: AckState;
  /** Units whose acks changed; `all` when sessions came, went, or were quarantined. */
  readonly acked?: Iterable<string> | 'all';
  /** Time has passed: what depends on the clock is looked at again. */
  readonly clock?: boolean;
}

export interface StatusTable {
  /** Statuses that changed, by object key in order; null = the object is gone. */
  update(change: StatusChange): ReadonlyMap<string, ObjectStatus | null>;
  readonly all: ReadonlyMap<string, ObjectStatus>;
}

/** Kinds that have a status. The others (Service, EndpointSlice) belong to someone else. */
const kindsWithStatus: ReadonlySet<string> = new Set(['HTTPServer', 'Pipeline', 'Filter', 'GlobalFilter']);

interface Entry {
  key: ObjectKey;
  generation: number;
  diagnostics: readonly Diagnostic[];
}

/** `now`: milliseconds since 1970. */
export function createStatusTable(now: () => number): StatusTable {
  const expiry = new ExpiryWatch(now);
  const entries = new Map<string, Entry>();
  const units = new UnitIndex();
  const statuses = new Map<string, ObjectStatus>();
  let acks: AckState = noAcks;

  const entryOf = (key: string, object: ObjectKey): Entry => {
    const entry = entries.get(key) ?? { key: object, generation: 0, diagnostics: [] };
    entries.set(key, entry);
    return entry;
  };

  const takeObjects = (changes: readonly ObjectChange[], dirty: Set<string>): void => {
    for (const change of changes) {
      if (change.type === 'delete') {
        entries.delete(change.key);
        dirty.add(change.key);
        continue;
      }
      const { kind, namespace, name, generation } = change.object;
      if (!kindsWithStatus.has(kind)) continue;
      const key = keyOf(change.object);
      entryOf(key, { kind, namespace, name }).generation = generation;
      dirty.add(key);
    }
  };

  const takeDelta = (delta: CompileDelta, dirty: Set<string>): void => {
    units.take(delta, dirty);
    expiry.take(delta, dirty);
    for (const [key, diagnostics] of delta.diagnostics) {
      const entry = entries.get(key);
      if (entry !== undefined) entry.diagnostics = diagnostics;
      dirty.add(key);
    }
  };

  const takeAcked = (acked: Iterable<string> | 'all', dirty: Set<string>): void => {
    if (acked === 'all') for (const key of entries.keys()) dirty.add(key);
    else for (const unit of acked) for (const key of units.objectsOf(unit)) dirty.add(key);
  };

  return {
    all: statuses,
    update({ objects = [], delta, acks: newAcks, acked = [], clock = false }) {
      const dirty = new Set<string>();
      acks = newAcks ?? acks;
      takeObjects(objects, dirty);
      if (delta !== undefined) takeDelta(delta, dirty);
      takeAcked(acked, dirty);
      if (clock) expiry.look(dirty);
      const changed = new Map<string, ObjectStatus | null>();
      for (const key of [...dirty].toSorted()) {
        const entry = entries.get(key);
        const before = statuses.get(key);
        if (entry === undefined) {
          if (statuses.delete(key)) changed.set(key, null);
          continue;
        }
        const { key: object, generation } = entry;
        const timely = expiry.findings(key);
        const diagnostics =
          timely.length === 0 ? entry.diagnostics : sharedValue(before?.diagnostics, [...entry.diagnostics, ...timely]);
        const previous = before?.conditions ?? [];
        const conditions = conditionsOf({ generation, diagnostics, units: units.unitsOf(key), acks, previous });
        if (before !== undefined && before.diagnostics === diagnostics && sameConditions(before.conditions, conditions))
          continue;
        const status = { object, conditions, diagnostics };
        statuses.set(key, status);
        changed.set(key, status);
      }
      return changed;
    },
  };
}

function sameConditions(a: readonly Condition[], b: readonly Condition[]): boolean {
  return (
    a.length === b.length &&
    a.every((left, i) => {
      const right = b[i] as Condition;
      return (
        left === right ||
        (left.type === right.type &&
          left.status === right.status &&
          left.reason === right.reason &&
          left.message === right.message &&
          left.observedGeneration === right.observedGeneration)
      );
    })
  );
}
