// One limiter: time is cut into cycles that are counted from its creation, and each cycle has so many permissions.
// A request takes the next free permission, of the current or a coming cycle, if that is not further away than the
// time-out allows. Permissions that a cycle does not use are lost.
//
// All data threads share one limiter, so its state is four words in shared memory, changed without a lock:
//   0, 1  time of creation in milliseconds, low 30 bits and the rest, each plus one (0 = not set)
//   2     number of the permission that is handed out next, modulo 2^32; permission p belongs to cycle p / perCycle
//   3     cycle in which one was handed out last, modulo 2^32
// Comparing numbers modulo 2^32 is safe within 2^31 of each other; word 3 tells when word 2 is older than that. Word 3
// itself comes round after 2^32 idle cycles (49 days of 1 ms): within about one cycle of that moment a permission may
// be refused that is free, which heals by itself.

export const limiterSlots = 4;

export interface LimiterPolicy {
  /** Milliseconds. */
  readonly timeout: number;
  /** Milliseconds, at least 1. */
  readonly period: number;
  readonly perCycle: number;
}

/** What take() returns instead of a wait. */
export const refused = -1;

const low30 = 2 ** 30;
/** Cycles by which another thread's clock reading may be ahead of ours. Words further apart are old, not ahead. */
const maxLead = 1024;

export class Limiter {
  private readonly state: Int32Array;
  private readonly period: number;
  private readonly perCycle: number;
  /** Permissions of the current and the coming cycles that may be given away at once. */
  private readonly most: number;
  /** After so many cycles without a request word 2 says nothing any more. */
  private readonly staleAfter: number;
  private readonly createdAt: number;

  constructor(policy: LimiterPolicy, state: Int32Array, now: number) {
    this.state = state;
    this.period = policy.period;
    this.perCycle = policy.perCycle;
    // A queue of 2^30 requests is none, so cutting it there keeps all distances comparable.
    const cycles = Math.min(Math.floor(policy.timeout / policy.period) + 1, Math.floor(low30 / policy.perCycle) + 1);
    this.most = this.perCycle * cycles;
    this.staleAfter = Math.max(cycles, Math.floor(low30 / this.perCycle));
    this.createdAt = creationTime(state, Math.floor(now));
  }

  /** Milliseconds to wait for the permission that was taken, 0 = none, or `refused`. */
  take(now: number): number {
    const { state, perCycle } = this;
    const cycle = this.cycleAt(now);
    for (;;) {
      const next = Atomics.load(state, 2);
      const ahead = this.reserved(next, cycle);
      if (ahead >= this.most) return refused;
      // Before the permission is taken, so that no thread compares a fresh number with an old cycle.
      if (Atomics.load(state, 3) !== (cycle | 0)) Atomics.store(state, 3, cycle | 0);
      const taken = (Math.imul(cycle, perCycle) + ahead + 1) | 0;
      if (Atomics.compareExchange(state, 2, next, taken) !== next) continue;
      return ahead < perCycle ? 0 : this.untilCycle(cycle + Math.floor(ahead / perCycle), now);
    }
  }

  /** Milliseconds until take() would not refuse. */
  retryAfter(now: number): number {
    const cycle = this.cycleAt(now);
    const over = this.reserved(Atomics.load(this.state, 2), cycle) - this.most;
    return over < 0 ? 0 : this.untilCycle(cycle + Math.floor(over / this.perCycle) + 1, now);
  }

  private untilCycle(cycle: number, now: number): number {
    return Math.max(0, this.createdAt + cycle * this.period - now);
  }

  /** Never before the cycle that another thread has seen already: clocks are read a moment before they are used. */
  private cycleAt(now: number): number {
    const own = Math.max(0, Math.floor((now - this.createdAt) / this.period));
    const behind = (own - Atomics.load(this.state, 3)) | 0;
    return behind < 0 && behind >= -maxLead ? own - behind : own;
  }

  /** Permissions of `cycle` and the coming ones that are given away already. */
  private reserved(next: number, cycle: number): number {
    const idle = (cycle - Atomics.load(this.state, 3)) | 0;
    if (idle >= this.staleAfter || idle < -maxLead) return 0;
    return Math.max(0, (next - Math.imul(cycle, this.perCycle)) | 0);
  }
}

/** Of the thread that came first. Two threads at once may mix their words, which only shifts the cycles for all. */
function creationTime(state: Int32Array, now: number): number {
  Atomics.compareExchange(state, 0, 0, (now % low30) + 1);
  Atomics.compareExchange(state, 1, 0, Math.floor(now / low30) + 1);
  return (Atomics.load(state, 1) - 1) * low30 + Atomics.load(state, 0) - 1;
}
