// One change at a time. What comes while one is being applied is merged into a single next one, so that the queue
// holds at most one change and never more than one entry per unit; all who brought a part of it get its verdict.

import type { UnitChange, WireUnit } from '#proxy/contract/messages.ts';

export interface QueuedChange extends Omit<UnitChange, 'version'> {
  /** null = it leaves the version as it is. */
  readonly version: string | null;
}

interface Waiting<R> {
  /** null = that of the table when its turn comes. */
  version: string | null;
  readonly upserts: Map<string, WireUnit>;
  readonly removes: Set<string>;
  readonly result: Promise<R>;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export class ChangeQueue<R> {
  private readonly applyOne: (change: QueuedChange) => Promise<R>;
  private waiting: Waiting<R> | null = null;
  private running = false;

  constructor(applyOne: (change: QueuedChange) => Promise<R>) {
    this.applyOne = applyOne;
  }

  push(change: UnitChange): Promise<R> {
    const waiting = (this.waiting ??= emptyChange<R>());
    waiting.version = change.version;
    for (const name of change.removes) {
      waiting.upserts.delete(name);
      waiting.removes.add(name);
    }
    for (const unit of change.upserts) {
      waiting.removes.delete(unit.name);
      waiting.upserts.set(unit.name, unit);
    }
    return this.kick(waiting);
  }

  /** Offers units again, unless newer ones of that name wait already. */
  again(units: readonly WireUnit[]): Promise<R> {
    const waiting = (this.waiting ??= emptyChange<R>());
    for (const unit of units) {
      if (!waiting.removes.has(unit.name) && !waiting.upserts.has(unit.name)) waiting.upserts.set(unit.name, unit);
    }
    return this.kick(waiting);
  }

  private kick(waiting: Waiting<R>): Promise<R> {
    if (!this.running) void this.run();
    return waiting.result;
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let next = this.take(); next !== null; next = this.take()) {
      const { version, upserts, removes } = next;
      try {
        next.resolve(await this.applyOne({ version, upserts: [...upserts.values()], removes: [...removes] }));
      } catch (error) {
        next.reject(error);
      }
    }
    this.running = false;
  }

  private take(): Waiting<R> | null {
    const next = this.waiting;
    this.waiting = null;
    return next;
  }
}

function emptyChange<R>(): Waiting<R> {
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  return { version: null, upserts: new Map(), removes: new Set(), result: promise, resolve, reject };
}
