// Which units an object answers for: those that name it as an origin, and for an HTTPServer also the listener that its
// owner unit is attached to, although that names only the server that decides the port: a port that cannot be opened
// is no one's success. Live units are left out, they never touch a condition.

import { type AnyUnit, unitKinds } from '#proxy/contract/units.ts';
import type { CompileDelta } from '#operator/compile/result.ts';
import { keyOf } from '#operator/resources/object.ts';

const none: ReadonlyMap<string, string> = new Map();

export class UnitIndex {
  /** Unit → its hash and the objects that answer for it. */
  private readonly units = new Map<string, { hash: string; readonly objects: Set<string> }>();
  private readonly origins = new Map<string, ReadonlySet<string>>();
  /** Owner unit → its listener. */
  private readonly attached = new Map<string, string>();
  private readonly byObject = new Map<string, Map<string, string>>();

  /** Name → hash. */
  unitsOf(object: string): ReadonlyMap<string, string> {
    return this.byObject.get(object) ?? none;
  }

  objectsOf(unit: string): Iterable<string> {
    return this.units.get(unit)?.objects ?? [];
  }

  /** Adds to `dirty` the objects whose units changed. */
  take(delta: CompileDelta, dirty: Set<string>): void {
    for (const { unit } of delta.upserts) if (!unitKinds[unit.kind].live) this.put(unit, dirty);
    for (const name of delta.removes) this.remove(name, dirty);
  }

  private put(unit: AnyUnit, dirty: Set<string>): void {
    const former = this.origins.get(unit.name) ?? new Set();
    const origins = new Set(unit.origins.map(keyOf));
    this.origins.set(unit.name, origins);
    const entry = this.entry(unit.name);
    // An edit of the server that decides a port changes no bytes of the listener: the others need not know.
    const changed = entry.hash !== unit.hash;
    entry.hash = unit.hash;
    if (changed) for (const object of entry.objects) this.link(object, unit.name, dirty);
    for (const object of origins) this.link(object, unit.name, dirty);
    for (const object of former) if (!origins.has(object)) this.unlink(object, unit.name, dirty);
    if (unit.kind !== 'owner') return;
    const before = this.attached.get(unit.name);
    const { listener } = unit.content;
    this.attached.set(unit.name, listener);
    for (const object of origins) this.link(object, listener, dirty);
    if (before !== undefined && before !== listener) for (const object of origins) this.unlink(object, before, dirty);
  }

  private remove(name: string, dirty: Set<string>): void {
    const origins = this.origins.get(name) ?? new Set();
    this.origins.delete(name);
    const listener = this.attached.get(name);
    this.attached.delete(name);
    if (listener !== undefined) for (const object of origins) this.unlink(object, listener, dirty);
    for (const object of this.objectsOf(name)) this.unlink(object, name, dirty);
    this.units.delete(name);
  }

  private entry(name: string): { hash: string; readonly objects: Set<string> } {
    let entry = this.units.get(name);
    if (entry === undefined) {
      // A listener may be named by its owners before it is told itself.
      entry = { hash: '', objects: new Set() };
      this.units.set(name, entry);
    }
    return entry;
  }

  private link(object: string, unit: string, dirty: Set<string>): void {
    const entry = this.entry(unit);
    entry.objects.add(object);
    let units = this.byObject.get(object);
    if (units === undefined) this.byObject.set(object, (units = new Map()));
    units.set(unit, entry.hash);
    dirty.add(object);
  }

  /** Unless the object answers for the unit in another way as well. */
  private unlink(object: string, unit: string, dirty: Set<string>): void {
    dirty.add(object);
    const stillOrigin = this.origins.get(unit)?.has(object) === true;
    const stillAttached = this.attached.get(ownerOf(object)) === unit;
    if (stillOrigin || stillAttached) return;
    this.units.get(unit)?.objects.delete(object);
    const units = this.byObject.get(object);
    units?.delete(unit);
    if (units?.size === 0) this.byObject.delete(object);
  }
}

function ownerOf(object: string): string {
  return `owner/${object}`;
}
