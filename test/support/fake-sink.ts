// A sink without a runtime: remembers units as a proxy would, and lets a test hold applies back, refuse units and wait
// for what arrives.

import type { LiveChange, Rejection, UnitChange, WireUnit } from '#proxy/contract/messages.ts';
import type { ApplyResult, UnitSink, UnitTable } from '#proxy/sources/source.ts';

export class FakeSink implements UnitSink {
  readonly units = new Map<string, WireUnit>();
  readonly applied: UnitChange[] = [];
  readonly lives: LiveChange[] = [];
  version = '';
  onVerdict: ((result: ApplyResult) => void) | null = null;
  /** Decides which unit names are refused. */
  refuse: (unit: WireUnit) => boolean = () => false;
  /** An apply waits for this. */
  gate: Promise<void> = Promise.resolve();
  private readonly waiters = new Set<() => void>();

  async apply(change: UnitChange): Promise<ApplyResult> {
    await this.gate;
    this.take(change);
    this.version = change.version;
    this.applied.push(change);
    this.wake();
    return { version: change.version, rejected: this.rejected() };
  }

  live(change: LiveChange): void {
    this.take(change);
    this.lives.push(change);
    this.wake();
  }

  table(): UnitTable {
    const entries = [...this.units.values()].map(({ name, hash }): [string, string] => [name, hash]);
    return { version: this.version, entries: Object.fromEntries(entries) };
  }

  rejected(): Rejection[] {
    return [...this.units.values()].filter(this.refuse).map((unit) => ({
      unit: unit.name,
      diagnostics: [
        { severity: 'error', code: 'BuildFailed', object: unit.origins[0] ?? noObject, path: '', message: 'refused' },
      ],
    }));
  }

  /** Resolves when `condition` holds; asked again after each change. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiters.add(resolve));
  }

  private take(change: LiveChange): void {
    for (const name of change.removes) this.units.delete(name);
    for (const unit of change.upserts) this.units.set(unit.name, unit);
  }

  private wake(): void {
    const waiting = [...this.waiters];
    this.waiters.clear();
    for (const resolve of waiting) resolve();
  }
}

const noObject = { kind: '', namespace: '', name: '' };
