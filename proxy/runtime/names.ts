// Which names the upstreams of the table use, so that main resolves exactly those. Counted, because the cost of a
// change must not grow with the table.

import type { WireUnit } from '#proxy/contract/messages.ts';
import { upstreamContent } from '#proxy/contract/units.ts';
import { namesOf, type Resolver } from '#proxy/upstream/resolver.ts';

export class NamesInUse {
  private readonly byUnit = new Map<string, readonly string[]>();
  private readonly counts = new Map<string, number>();

  hasAll(names: Iterable<string>): boolean {
    for (const name of names) if (!this.counts.has(name)) return false;
    return true;
  }

  /** After a change: exactly the names of what runs are resolved from now on. */
  settle(accepted: readonly WireUnit[], removes: readonly string[], resolver: Resolver): void {
    let touched = false;
    for (const unit of accepted) touched = this.set(unit.name, namesOfUnit(unit)) || touched;
    for (const name of removes) touched = this.set(name, []) || touched;
    if (touched) void resolver.use(this.all());
  }

  all(): Iterable<string> {
    return this.counts.keys();
  }

  /** True when the unit's names are others than before. */
  private set(unit: string, names: readonly string[]): boolean {
    const former = this.byUnit.get(unit) ?? [];
    if (former.length === names.length && former.every((name) => names.includes(name))) return false;
    for (const name of names) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    for (const name of former) {
      const count = (this.counts.get(name) ?? 0) - 1;
      if (count > 0) this.counts.set(name, count);
      else this.counts.delete(name);
    }
    if (names.length === 0) this.byUnit.delete(unit);
    else this.byUnit.set(unit, names);
    return true;
  }
}

/** None for other kinds, and for what the data threads will not understand either. */
export function namesOfUnit(unit: WireUnit): readonly string[] {
  if (unit.kind !== 'upstream') return [];
  const parsed = upstreamContent.safeParse(unit.content);
  return parsed.success ? [...new Set(namesOf(parsed.data))] : [];
}
