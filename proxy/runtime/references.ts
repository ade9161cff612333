// Stable handles by the name of a unit, shared by all who refer to it. A handle exists while its unit does or somebody
// refers to it, so that a unit which comes later (or comes back) is reached by those who waited for it.

export class References<S> {
  private readonly create: (name: string) => S;
  private readonly slots = new Map<string, S>();
  private readonly counts = new Map<string, number>();

  constructor(create: (name: string) => S) {
    this.create = create;
  }

  slot(name: string): S {
    let slot = this.slots.get(name);
    if (slot === undefined) {
      slot = this.create(name);
      this.slots.set(name, slot);
    }
    return slot;
  }

  find(name: string): S | null {
    return this.slots.get(name) ?? null;
  }

  add(names: Iterable<string>): void {
    for (const name of names) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  remove(names: Iterable<string>): void {
    for (const name of names) {
      const count = (this.counts.get(name) ?? 0) - 1;
      if (count > 0) this.counts.set(name, count);
      else this.counts.delete(name);
    }
  }

  /** Drops the handles among `names` that nobody refers to and that `inUse` does not know. */
  sweep(names: Iterable<string>, inUse: (slot: S) => boolean): void {
    for (const name of names) {
      const slot = this.slots.get(name);
      if (slot !== undefined && !this.counts.has(name) && !inUse(slot)) this.slots.delete(name);
    }
  }

  get size(): number {
    return this.slots.size;
  }
}
