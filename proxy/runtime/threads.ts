// The group of data threads as main sees it. A change is applied in two phases, so that no thread serves what another
// cannot; a thread that ends is started again and gets the whole table before it listens. One thing happens at a time:
// changes and the filling of new threads stand in one queue.
//
//   starting ──ready──▶ filling ──committed──▶ serving
//      ▲                                          │ ends
//      └──────────── back-off ────────────────────┘      more than 3 ends in a minute: fatal

import type { Rejection } from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import type { ThreadPort } from './thread-port.ts';
import type { FromThread, PrepareStep, ToThread } from './thread-messages.ts';

export interface ThreadGroupOptions {
  readonly count: number;
  readonly start: (index: number) => ThreadPort;
  /** The whole table as one change. */
  readonly full: (index: number) => PrepareStep;
  /** 1 + the place, in its change, of the unit that the thread works on or ended with; 0 = none. */
  readonly building?: (index: number) => number;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly timer: (ms: number, fn: () => void) => () => void;
  /** Told of every thread that ended without being asked to. */
  readonly lost: (index: number) => void;
  /** Too many threads ended: the process should end too. */
  readonly fatal: (error: Error) => void;
  /** A thread that does not answer for so long is ended. */
  readonly answerTimeoutMs?: number;
}

interface Thread {
  readonly index: number;
  /** Another one had its place before. */
  readonly restarted: boolean;
  port: ThreadPort;
  serving: boolean;
  ended: boolean;
  /** What main waits for, by answer; called with null when the thread ends first. */
  readonly waiting: Map<string, (message: FromThread | null) => void>;
  startedAt: number;
  backOffMs: number;
}

/**
 * `died`: a thread ended with the change, at the unit named if it is known. When that was in its commit, and another
 * went ahead of it, other threads serve the change already; nobody was told, and what is applied next decides.
 */
export type ApplyOutcome =
  | { readonly died: false; readonly rejected: readonly Rejection[] }
  | { readonly died: true; readonly unit: string | null };

const maxEndsPerMinute = 3;
const firstBackOffMs = 100;
const maxBackOffMs = 5_000;
const minuteMs = 60_000;

export class ThreadGroup implements AsyncDisposable {
  /** Threads started again since the start of the process. */
  restarts = 0;
  private readonly options: ThreadGroupOptions;
  private readonly threads: Thread[];
  private readonly answerTimeoutMs: number;
  private readonly timers = new Set<() => void>();
  private ends: number[] = [];
  private lastId = 0;
  private queue: Promise<void> = Promise.resolve();
  private closing = false;
  /** A change is being applied: what a unit of it ends is told as the outcome, and main rejects that unit. */
  private applying = false;
  private starting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(options: ThreadGroupOptions) {
    this.options = options;
    this.answerTimeoutMs = options.answerTimeoutMs ?? 30_000;
    this.threads = Array.from({ length: options.count }, (_, index) => this.startThread(index, firstBackOffMs));
  }

  /** Threads that serve now. */
  get serving(): number {
    return this.threads.filter((thread) => thread.serving).length;
  }

  /** Resolves when every thread serves; rejects when threads keep ending. */
  started(): Promise<void> {
    if (this.serving === this.threads.length) return Promise.resolve();
    return new Promise((resolve, reject) => this.starting.push({ resolve, reject }));
  }

  /**
   * Applies one change in two phases. `step` gives each thread its part; `accepted` is called before anything else
   * of the group happens, so that a thread started later is filled with a table that holds the change.
   */
  apply(
    step: (index: number) => PrepareStep,
    accepted: (rejected: readonly Rejection[]) => void,
  ): Promise<ApplyOutcome> {
    return this.enqueue(async () => {
      this.applying = true;
      const serving = this.threads.filter((thread) => thread.serving);
      const outcome = await this.runTwoPhases(serving, step).finally(() => (this.applying = false));
      if (!outcome.died) accepted(outcome.rejected);
      return outcome;
    });
  }

  /** To every thread, also to those that are being filled: ports keep the order. */
  post(message: ToThread): void {
    for (const thread of this.threads) thread.port.post(message);
  }

  async drain(graceMs: number, deadlineMs: number): Promise<void> {
    this.closing = true;
    const drained = this.threads
      .filter((thread) => thread.serving)
      .map((thread) => {
        thread.port.post({ type: 'drain', graceMs, deadlineMs });
        return this.wait(thread, 'drained', null);
      });
    await Promise.all(drained);
  }

  /** What each serving thread holds, in order. */
  async measure(): Promise<Readonly<Record<string, number>>[]> {
    const answers = this.threads
      .filter((thread) => thread.serving)
      .map((thread) => {
        const answer = this.wait(thread, 'stats', this.answerTimeoutMs);
        thread.port.post({ type: 'measure' });
        return answer;
      });
    return (await Promise.all(answers)).flatMap((answer) => (answer?.type === 'stats' ? [answer.values] : []));
  }

  /** Makes the thread fail by an uncaught error. */
  crash(index: number): void {
    this.threads[index]?.port.post({ type: 'crash' });
  }

  /** Ends a thread from outside. */
  async kill(index: number): Promise<void> {
    await this.threads[index]?.port.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing = true;
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    await Promise.all(this.threads.map((thread) => thread.port.terminate()));
  }

  private enqueue<T>(task: () => Promise<T>): Promise<T> {
    const result = this.queue.then(task);
    this.queue = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  private async runTwoPhases(threads: readonly Thread[], step: (index: number) => PrepareStep): Promise<ApplyOutcome> {
    const id = ++this.lastId;
    const steps = threads.map((thread) => step(thread.index));
    const answers = await Promise.all(
      threads.map((thread, place) => {
        thread.port.post({ type: 'prepare', id, ...(steps[place] as PrepareStep) });
        return this.wait(thread, `prepared ${id}`, this.answerTimeoutMs);
      }),
    );
    if (answers.includes(null)) {
      for (const thread of threads) thread.port.post({ type: 'abort', id });
      return { died: true, unit: this.culprit(threads, steps, answers) };
    }
    const rejected = union(answers.flatMap((answer) => (answer?.type === 'prepared' ? answer.rejected : [])));
    // One goes ahead: a change that ends whoever puts it in place costs that thread, not all of them at once.
    const [ahead, ...others] = threads;
    const commits = ahead === undefined ? [] : [await this.commit(ahead, id, rejected)];
    if (commits.includes(null)) {
      for (const thread of others) thread.port.post({ type: 'abort', id });
      return { died: true, unit: this.culprit(threads.slice(0, 1), steps, commits) };
    }
    commits.push(...(await Promise.all(others.map((thread) => this.commit(thread, id, rejected)))));
    if (commits.includes(null)) return { died: true, unit: this.culprit(threads, steps, commits) };
    return { died: false, rejected };
  }

  private commit(thread: Thread, id: number, rejected: readonly Rejection[]): Promise<FromThread | null> {
    thread.port.post({ type: 'commit', id, rejected });
    return this.wait(thread, `committed ${id}`, this.answerTimeoutMs);
  }

  /** The unit that a thread without an answer ended with. */
  private culprit(
    threads: readonly Thread[],
    steps: readonly PrepareStep[],
    answers: readonly (FromThread | null)[],
  ): string | null {
    for (const [place, { index }] of threads.entries()) {
      if (answers[place] !== null) continue;
      const unit = steps[place]?.change.upserts[(this.options.building?.(index) ?? 0) - 1];
      if (unit !== undefined) return unit.name;
    }
    return null;
  }

  private startThread(index: number, backOffMs: number): Thread {
    const port = this.options.start(index);
    const thread: Thread = {
      index,
      restarted: this.restarts > 0,
      port,
      serving: false,
      ended: false,
      waiting: new Map(),
      startedAt: this.options.now(),
      backOffMs,
    };
    port.onMessage = (message) => this.receive(thread, message);
    port.onExit = (error) => this.ended(thread, error);
    return thread;
  }

  private receive(thread: Thread, message: FromThread): void {
    switch (message.type) {
      case 'ready':
        void this.enqueue(() => this.fill(thread));
        return;
      case 'log':
        this.options.log[message.level]({ thread: thread.index, ...message.fields }, message.message);
        return;
      case 'prepared':
      case 'committed':
        thread.waiting.get(`${message.type} ${message.id}`)?.(message);
        return;
      case 'drained':
      case 'stats':
        thread.waiting.get(message.type)?.(message);
        return;
      default:
        message satisfies never;
    }
  }

  private async fill(thread: Thread): Promise<void> {
    const outcome = await this.runTwoPhases([thread], this.options.full);
    if (outcome.died) return;
    if (outcome.rejected.length > 0) {
      const units = outcome.rejected.map((rejection) => rejection.unit);
      this.options.log.error({ thread: thread.index, units }, 'data thread started without some units');
    }
    thread.serving = true;
    if (thread.restarted) this.options.log.info({ thread: thread.index }, 'data thread serves again');
    if (this.serving < this.threads.length) return;
    for (const { resolve } of this.starting.splice(0)) resolve();
  }

  private ended(thread: Thread, error: Error | null): void {
    thread.serving = false;
    thread.ended = true;
    for (const answer of thread.waiting.values()) answer(null);
    thread.waiting.clear();
    if (this.closing) return;
    const { log, now, fatal, timer, lost } = this.options;
    lost(thread.index);
    const time = now();
    // One that a unit of a change ended is followed by the rejection of the unit, so there is an end to that.
    const explained = this.applying && (this.options.building?.(thread.index) ?? 0) > 0;
    this.ends = [...this.ends.filter((end) => time - end < minuteMs), ...(explained ? [] : [time])];
    const backOffMs = time - thread.startedAt > minuteMs ? firstBackOffMs : thread.backOffMs;
    log.error({ thread: thread.index, err: error, backOffMs }, 'data thread ended');
    if (this.ends.length > maxEndsPerMinute) {
      const failure = new Error(`${this.ends.length} data threads ended within a minute`, { cause: error });
      for (const { reject } of this.starting.splice(0)) reject(failure);
      fatal(failure);
      return;
    }
    const cancel = timer(backOffMs, () => {
      this.timers.delete(cancel);
      this.restarts++;
      this.threads[thread.index] = this.startThread(thread.index, Math.min(backOffMs * 2, maxBackOffMs));
    });
    this.timers.add(cancel);
  }

  /** The answer, or null when the thread ends (or is ended for not answering) first. */
  private wait(thread: Thread, answer: string, timeoutMs: number | null): Promise<FromThread | null> {
    return new Promise((resolve) => {
      if (thread.ended) {
        resolve(null);
        return;
      }
      const cancel =
        timeoutMs === null
          ? () => undefined
          : this.options.timer(timeoutMs, () => {
              this.options.log.error({ thread: thread.index, answer }, 'data thread does not answer');
              void thread.port.terminate();
            });
      thread.waiting.set(answer, (message) => {
        cancel();
        thread.waiting.delete(answer);
        resolve(message);
      });
    });
  }
}

/** One entry per unit; what several threads say of it is told once. */
function union(all: readonly Rejection[]): Rejection[] {
  const byUnit = new Map<string, Rejection>();
  for (const rejection of all) if (!byUnit.has(rejection.unit)) byUnit.set(rejection.unit, rejection);
  return [...byUnit.values()];
}
