// The main thread's side of serving: takes changes from a source, one at a time, and sees each through.
//
//   change ─▶ ports: lock, probe ─▶ names: resolve ─▶ counters: slots ─▶ data threads: prepare, commit
//                    │ rejected                                                │ rejected
//                    └──────────────────────▶ table, disk, verdict ◀──────────┘
//
// A listener whose port is taken is tried again every ten seconds. Ready means: a change came from an operator, or
// none answered for five seconds and the units from disk serve (then the proxy is stale, which a metric says).

import path from 'node:path';
import type { LiveChange, Rejection, UnitChange } from '#proxy/contract/messages.ts';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import type { Log } from '#proxy/process/log.ts';
import { SeriesTable } from '#proxy/process/series-table.ts';
import { loadUnits, openJournal, type Journal } from '#proxy/sources/disk.ts';
import type { ApplyResult, UnitSink, UnitTable as SentTable } from '#proxy/sources/source.ts';
import type { Resolver } from '#proxy/upstream/resolver.ts';
import { takeLock, type AddressLock } from './address-lock.ts';
import { Addresses, mayHeal } from './addresses.ts';
import { ChangeQueue, type QueuedChange } from './change-queue.ts';
import { NamesInUse } from './names.ts';
import { planChange, type Plan, type PlanKit } from './plan.ts';
import { SharedMemory } from './shared-memory.ts';
import type { PrepareStep } from './thread-messages.ts';
import type { ThreadGroup } from './threads.ts';
import { reject } from './unit-door.ts';
import { UnitTable } from './unit-table.ts';

export interface RuntimeSettings {
  /** `` = nothing is kept on disk. */
  readonly stateDir: string;
  readonly portOffset: number;
  /** How long a removed listener still answers; its address is locked for so long. */
  readonly grace: number;
  /** Milliseconds until a listener that could not bind is tried again. */
  readonly retryMs?: number;
}

export interface RuntimeKit {
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly timer: (ms: number, fn: () => void) => () => void;
  readonly resolver: (changed: (names: Readonly<Record<string, readonly string[]>>) => void) => Resolver;
  readonly series: SeriesTable;
  readonly threads: (full: (index: number) => PrepareStep, memory: SharedMemory) => ThreadGroup;
}

export interface Runtime extends UnitSink, AsyncDisposable {
  /** Why it does not serve yet, or null. */
  notReady(): string | null;
  /** Serves what the disk held, because no operator has answered. */
  readonly stale: boolean;
  readonly units: UnitTable;
  readonly threads: ThreadGroup;
  readonly memory: SharedMemory;
  /** Failed writes of the units to disk. */
  readonly diskFailures: number;
  /** Where a listener binds, once it does. */
  addressOf(listener: string): { readonly host: string; readonly port: number } | null;
  /** Ends serving: accepts for the grace period, then lets requests end until the deadline. */
  drain(graceMs: number, deadlineMs: number): Promise<void>;
}

const defaultRetryMs = 10_000;
const operatorPatienceMs = 5_000;
const expireMs = 30_000;

/** Resolves when the units from disk, if there are any, serve. */
export async function createRuntime(settings: RuntimeSettings, kit: RuntimeKit): Promise<Runtime> {
  await using failed = new AsyncDisposableStack();
  const runtime = failed.use(new MainRuntime(settings, kit));
  await runtime.start();
  failed.move();
  return runtime;
}

class MainRuntime implements Runtime {
  onVerdict: ((result: ApplyResult) => void) | null = null;
  readonly units = new UnitTable();
  readonly threads: ThreadGroup;
  readonly memory: SharedMemory;
  private readonly settings: RuntimeSettings;
  private readonly kit: RuntimeKit;
  private readonly addresses: Addresses;
  private readonly names = new NamesInUse();
  private readonly resolver: Resolver;
  private readonly planKit: PlanKit;
  private readonly queue = new ChangeQueue<ApplyResult>((change) => this.applyOne(change));
  private readonly timers = new Map<string, () => void>();
  private journal: Journal | null = null;
  private stateLock: AddressLock | null = null;
  private fromOperator = false;
  private fromDisk = false;
  private waitedForOperator = false;
  private ending = false;

  constructor(settings: RuntimeSettings, kit: RuntimeKit) {
    this.settings = settings;
    this.kit = kit;
    this.addresses = new Addresses(settings.portOffset);
    this.memory = new SharedMemory(kit.series, kit.series.threadCount);
    this.resolver = kit.resolver((names) => this.threads.post({ type: 'resolved', names }));
    this.threads = kit.threads((index) => this.fullStep(index), this.memory);
    const { addresses, names, resolver, memory } = this;
    this.planKit = { addresses, names, resolver, series: kit.series, memory, timer: kit.timer };
  }

  async start(): Promise<void> {
    const { stateDir } = this.settings;
    const { log, now } = this.kit;
    await this.threads.started();
    if (stateDir !== '') {
      this.stateLock = await takeLock(`state/${sha256(path.resolve(stateDir)).toString('hex', 0, 16)}`);
      if (this.stateLock === null) throw new Error(`another proxy keeps its units in ${stateDir}`);
      const { version, units } = await loadUnits(stateDir, log);
      this.units.keep(units.values());
      if (units.size > 0) {
        const { rejected } = await this.queue.push({ version, upserts: [...units.values()], removes: [] });
        log.info({ units: units.size, rejected: rejected.length }, 'units from disk are served');
        this.fromDisk = true;
      }
      this.journal = await openJournal({
        dir: stateDir,
        log,
        now,
        state: () => ({ version: this.units.lastGoodVersion, units: this.units.lastGood.values() }),
      });
    }
    this.setTimer('operator', operatorPatienceMs, () => {
      this.waitedForOperator = true;
      if (this.stale) log.warn({}, 'no operator answers; units from disk are served');
    });
    this.setTimer('expire', expireMs, () => this.expireSeries());
  }

  async apply(change: UnitChange): Promise<ApplyResult> {
    const result = await this.queue.push(change);
    this.fromOperator = true;
    return result;
  }

  live(change: LiveChange): void {
    this.threads.post({ type: 'live', change });
    this.units.applyLive(change);
    this.journal?.append({ version: this.units.lastGoodVersion, upserts: change.upserts, removes: change.removes });
  }

  table(): SentTable {
    return this.units.sent();
  }

  notReady(): string | null {
    if (this.ending) return 'shutting down';
    if (this.fromOperator) return null;
    if (!this.waitedForOperator) return 'waiting for an operator';
    return this.fromDisk ? null : 'no operator has answered and there are no units on disk';
  }

  get stale(): boolean {
    return this.fromDisk && !this.fromOperator && this.waitedForOperator;
  }

  get diskFailures(): number {
    return this.journal?.failures ?? 0;
  }

  addressOf(listener: string): { readonly host: string; readonly port: number } | null {
    return this.units.accepted.has(listener) ? this.addresses.of(listener) : null;
  }

  async drain(graceMs: number, deadlineMs: number): Promise<void> {
    this.ending = true;
    await this.threads.drain(graceMs, deadlineMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending = true;
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    this.resolver.dispose();
    await this.threads[Symbol.asyncDispose]();
    await this.journal?.[Symbol.asyncDispose]();
    await this.addresses[Symbol.asyncDispose]();
    await this.stateLock?.release();
  }

  private async applyOne(change: QueuedChange): Promise<ApplyResult> {
    // Too late: data threads are closing their listeners. The operator sees that this version is not the one it sent.
    if (this.ending) return this.units.verdict();
    const news = this.units.news({ ...change, version: change.version ?? this.units.version });
    if (news.upserts.length === 0 && news.removes.length === 0) {
      this.units.apply(news, []);
      this.journal?.append({ version: this.units.lastGoodVersion, upserts: [], removes: [] });
      return this.units.verdict();
    }
    for (const name of news.removes) this.cancelTimer(releaseOf(name));
    for (const unit of news.upserts) this.cancelTimer(releaseOf(unit.name));
    const plan = await planChange(news, this.planKit);
    const rejected = await this.applyPlan(plan);
    this.settle(news, rejected);
    return this.units.verdict();
  }

  /**
   * A change that ends a thread is tried once more, because the thread may have ended for another reason. A unit that
   * ends one again is rejected; when nobody knows which it was, everything that the change brings is.
   */
  private async applyPlan(plan: Plan): Promise<readonly Rejection[]> {
    const refused = new Map<string, Rejection>();
    const ended = new Set<string | null>();
    const accept = (rejected: readonly Rejection[]): void =>
      this.units.apply(plan.change, [...plan.rejected, ...refused.values(), ...rejected]);
    for (let attempt = 0; ; attempt++) {
      // Without a thread that could refuse it, anything would be accepted.
      if (attempt > 0 || this.threads.serving === 0) await this.threads.started();
      const outcome = await this.threads.apply((index) => this.without(refused, plan.step(index)), accept);
      if (!outcome.died) return [...plan.rejected, ...refused.values(), ...outcome.rejected];
      const { unit: culprit } = outcome;
      if (!ended.has(culprit)) {
        ended.add(culprit);
        continue;
      }
      const blamed = plan.change.upserts.filter(
        ({ name }) => !refused.has(name) && (culprit === null || culprit === name),
      );
      if (blamed.length === 0) break;
      const units = blamed.slice(0, 10).map(({ name }) => name);
      this.kit.log.error({ units, count: blamed.length }, 'change ended a data thread; these units are rejected');
      for (const unit of blamed) {
        refused.set(unit.name, reject(unit, 'BuildFailed', '', 'a data thread ended twice while it built the unit'));
      }
    }
    // Threads go on ending without anything new: what they are filled with when they are back is right all the same.
    accept([]);
    return [...plan.rejected, ...refused.values()];
  }

  /** The step with what ran before in the place of these units, which some threads may serve already. */
  private without(refused: ReadonlyMap<string, Rejection>, step: PrepareStep): PrepareStep {
    if (refused.size === 0) return step;
    const { version, upserts, removes } = step.change;
    const names = [...refused.keys()];
    const { accepted } = this.units;
    const change = {
      version,
      upserts: [
        ...upserts.filter(({ name }) => !refused.has(name)),
        ...names.flatMap((name) => accepted.get(name) ?? []),
      ],
      removes: [...removes, ...names.filter((name) => !accepted.has(name))],
    };
    return { ...step, change, resolved: this.resolver.current() };
  }

  /** What follows from a change once it serves. */
  private settle(change: UnitChange, rejections: readonly Rejection[]): void {
    const rejected = new Set(rejections.map(({ unit }) => unit));
    const accepted = change.upserts.filter((unit) => !rejected.has(unit.name));
    const { version, removes } = change;
    this.journal?.append({ version: this.units.lastGoodVersion, upserts: accepted, removes });
    this.names.settle(accepted, removes, this.resolver);
    for (const name of removes) {
      this.kit.series.remove(name);
      if (this.addresses.of(name) !== null) {
        this.setTimer(releaseOf(name), this.settings.grace, () => void this.release(name));
      }
    }
    for (const rejection of rejections) {
      this.kit.log.warn({ unit: rejection.unit, diagnostics: rejection.diagnostics, version }, 'unit is rejected');
    }
    if ([...this.units.rejected.values()].some(({ rejection }) => mayHeal(rejection))) {
      this.setTimer('retry', this.settings.retryMs ?? defaultRetryMs, () => void this.retry());
    }
  }

  /** The data threads have closed it. */
  private async release(listener: string): Promise<void> {
    this.memory.remove(listener);
    await this.addresses.release(listener);
  }

  /** Offers the data threads once more what may have become possible. */
  private async retry(): Promise<void> {
    const healing = [...this.units.rejected.values()].filter(({ rejection }) => mayHeal(rejection));
    const before = this.units.rejected.size;
    const result = await this.queue.again(healing.map(({ unit }) => unit));
    if (result.rejected.length !== before) this.onVerdict?.(result);
  }

  private fullStep(index: number): PrepareStep {
    return {
      change: { version: this.units.version, upserts: [...this.units.accepted.values()], removes: [] },
      resolved: this.resolver.current(),
      shared: this.memory.blocks(index),
      series: this.kit.series.assignments(),
      addresses: this.addresses.all(),
    };
  }

  private expireSeries(): void {
    const names = this.kit.series.expire();
    if (names.length > 0) this.threads.post({ type: 'releaseSeries', names });
    this.setTimer('expire', expireMs, () => this.expireSeries());
  }

  private setTimer(key: string, ms: number, fn: () => void): void {
    this.cancelTimer(key);
    if (this.ending) return;
    this.timers.set(
      key,
      this.kit.timer(ms, () => {
        this.timers.delete(key);
        fn();
      }),
    );
  }

  private cancelTimer(key: string): void {
    this.timers.get(key)?.();
    this.timers.delete(key);
  }
}

function releaseOf(listener: string): string {
  return `release ${listener}`;
}
