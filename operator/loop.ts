// The operator's one loop: dirty → hold off → compile → publish → status. Level, not edge: events only mark what is
// dirty, and whatever is dirty is compiled together.
//
//   quiet ──change──▶ compile at once ──change──▶ hold off: 20 ms of quiet, 200 ms at most ──▶ compile ──▶ quiet
//   EndpointSlice ──▶ compile that alone at once: live units have no hold-off
//
// Nothing is compiled before the source has told all that exists, so that no proxy is served half a folder. What the
// stages do is theirs; this file only knows when.

import type { Log } from '#proxy/process/log.ts';
import type { CompileChange } from '#operator/compile/compile.ts';
import type { CompileDelta } from '#operator/compile/result.ts';
import type { Clock } from '#operator/publish/clock.ts';
import { keyOf } from '#operator/resources/object.ts';
import type { ObjectSource } from '#operator/sources/object-event.ts';
import type { AckState } from '#operator/status/acks.ts';
import type { StatusChange } from '#operator/status/status.ts';
import type { ObjectChange, Store } from '#operator/store/store.ts';

export interface LoopParts {
  readonly source: ObjectSource;
  readonly store: Store;
  readonly compile: (changes: readonly CompileChange[]) => CompileDelta;
  readonly publish: (delta: CompileDelta) => void;
  readonly status: (change: StatusChange) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly holdOff?: HoldOff;
}

/** Milliseconds. */
export interface HoldOff {
  readonly quiet: number;
  readonly longest: number;
}

const productHoldOff: HoldOff = { quiet: 20, longest: 200 };

/** Kinds whose changes end in live units only. */
const liveKinds: ReadonlySet<string> = new Set(['EndpointSlice']);

export interface Loop extends Disposable {
  /** Ends once everything that existed at the start was compiled and published. */
  readonly started: Promise<void>;
  /** The store's sequence up to which everything was compiled and published. */
  readonly sequence: number;
  /** Resolves when `sequence` has reached that of the store. For tests. */
  settled(): Promise<void>;
  /** What the fleet said about units; told to status with the next turn of the loop, together with what else came. */
  acked(acks: AckState, units: readonly string[] | 'all'): void;
}

export function startLoop(parts: LoopParts): Loop {
  return new ReconcileLoop(parts);
}

class ReconcileLoop implements Loop {
  readonly started: Promise<void>;
  sequence = 0;
  private readonly parts: LoopParts;
  private readonly holdOff: HoldOff;
  private readonly pending = new Map<string, ObjectChange>();
  private cancel: (() => void) | null = null;
  private firstPending = 0;
  private lastChange = Number.NEGATIVE_INFINITY;
  private taken = 0;
  private acks: AckState | null = null;
  private ackedUnits: Set<string> | 'all' = new Set();
  private cancelAcks: (() => void) | null = null;
  private waiters: (() => void)[] = [];
  private ended = false;

  constructor(parts: LoopParts) {
    this.parts = parts;
    this.holdOff = parts.holdOff ?? productHoldOff;
    const stop = parts.store.onChange(() => this.changed());
    this.started = parts.source
      .start((events) => void parts.store.apply(events))
      .then(() => this.settled())
      .catch((error: unknown) => {
        stop();
        throw error;
      });
  }

  settled(): Promise<void> {
    if (this.ended || (this.parts.store.synced && this.sequence >= this.parts.store.sequence)) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  acked(acks: AckState, units: readonly string[] | 'all'): void {
    if (this.ended) return;
    this.acks = acks;
    if (units === 'all') this.ackedUnits = 'all';
    else if (this.ackedUnits !== 'all') for (const unit of units) this.ackedUnits.add(unit);
    // A fleet that connects says a thousand things in a moment; status looks once.
    this.cancelAcks ??= this.parts.clock.timer(this.holdOff.quiet, () => this.tellAcks());
  }

  [Symbol.dispose](): void {
    this.ended = true;
    this.cancel?.();
    this.cancelAcks?.();
    this.wake();
  }

  private changed(): void {
    const { store } = this.parts;
    if (!store.synced || this.ended) return;
    this.taken = store.sequence;
    const live: ObjectChange[] = [];
    let held = false;
    for (const change of store.takeChanges()) {
      const key = change.type === 'delete' ? change.key : keyOf(change.object);
      if (liveKinds.has(key.slice(0, key.indexOf('/')))) {
        live.push(change);
      } else {
        held = true;
        this.pending.set(key, change);
      }
    }
    if (this.pending.size === 0) return this.turn(live);
    if (live.length > 0) this.compile(live);
    if (held) this.hold();
  }

  private hold(): void {
    const { clock } = this.parts;
    const now = clock.now();
    const quiet = now - this.lastChange >= this.holdOff.quiet;
    this.lastChange = now;
    if (this.cancel === null && quiet) return this.flush();
    if (this.cancel === null) this.firstPending = now;
    this.cancel?.();
    const until = Math.min(now + this.holdOff.quiet, this.firstPending + this.holdOff.longest);
    this.cancel = clock.timer(Math.max(0, until - now), () => this.flush());
  }

  private flush(): void {
    this.cancel = null;
    const changes = [...this.pending.values()];
    this.pending.clear();
    this.turn(changes);
  }

  /** One whole turn, after which nothing that was taken is pending. */
  private turn(changes: readonly ObjectChange[]): void {
    this.compile(changes);
    this.sequence = this.taken;
    this.wake();
  }

  private compile(changes: readonly ObjectChange[]): void {
    const { compile, publish, status, clock, log } = this.parts;
    const begun = clock.now();
    const delta = compile(changes);
    publish(delta);
    status({ objects: changes, delta });
    if (changes.length === 0) return;
    const fields = { objects: changes.length, units: delta.upserts.length, removed: delta.removes.length };
    log.debug({ ...fields, durationMs: Math.round((clock.now() - begun) * 10) / 10 }, 'compiled');
  }

  private tellAcks(): void {
    this.cancelAcks = null;
    const { acks, ackedUnits } = this;
    this.ackedUnits = new Set();
    if (acks !== null) this.parts.status({ acks, acked: ackedUnits });
  }

  private wake(): void {
    const waiting = this.waiters;
    this.waiters = [];
    for (const resolve of waiting) resolve();
  }
}
