// Deadlines that all have the same distance: response time-outs of one upstream, connect time-outs, idle connections.
// Because the distance is one, the queue is in order by itself; adding and removing are O(1) and one timer serves
// all of them. The timer is never cancelled for an entry that leaves early: it finds nothing due and arms again.
// Not for deadlines of different lengths: use one queue per length.

/** Something with a deadline. The fields belong to the queue; an entry is in at most one queue at a time. */
export interface Deadline {
  due: number;
  previous: Deadline | null;
  next: Deadline | null;
  /** Called when the time is over; the entry has left the queue. */
  expire(): void;
}

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs `fn` after `ms`; the returned function cancels it. */
  timer(ms: number, fn: () => void): () => void;
}

export class DeadlineQueue {
  readonly ms: number;
  private readonly clock: Clock;
  private head: Deadline | null = null;
  private tail: Deadline | null = null;
  private cancelTimer: (() => void) | null = null;

  constructor(ms: number, clock: Clock) {
    this.ms = ms;
    this.clock = clock;
  }

  /** The entry that is due first, or null. */
  get oldest(): Deadline | null {
    return this.head;
  }

  add(entry: Deadline): void {
    entry.due = this.clock.now() + this.ms;
    entry.previous = this.tail;
    entry.next = null;
    if (this.tail === null) this.head = entry;
    else this.tail.next = entry;
    this.tail = entry;
    if (this.cancelTimer === null) this.arm(this.ms);
  }

  /** Does nothing for an entry that is not in the queue. */
  remove(entry: Deadline): void {
    if (entry.due === 0) return;
    entry.due = 0;
    if (entry.previous === null) this.head = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) this.tail = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = null;
    entry.next = null;
  }

  /** Cancels the timer; entries never expire any more. */
  dispose(): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
  }

  private arm(ms: number): void {
    this.cancelTimer = this.clock.timer(ms, () => {
      this.cancelTimer = null;
      this.sweep();
    });
  }

  private sweep(): void {
    const now = this.clock.now();
    for (let entry = this.head; entry !== null && entry.due <= now; entry = this.head) {
      this.remove(entry);
      entry.expire();
    }
    // Expiring may have added entries and armed the timer already.
    if (this.head !== null && this.cancelTimer === null) this.arm(Math.max(1, Math.ceil(this.head.due - now)));
  }
}
