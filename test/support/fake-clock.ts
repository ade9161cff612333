// A clock that only moves when a test says so. It has the shape that filters, upstreams and listeners get handed in.

export class FakeClock {
  private time = 1000;
  private timers: { at: number; fn: () => void }[] = [];

  readonly now = (): number => this.time;

  readonly timer = (ms: number, fn: () => void): (() => void) => {
    const timer = { at: this.time + ms, fn };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  };

  /** How many timers are armed. */
  get pending(): number {
    return this.timers.length;
  }

  /** Moves on and runs what becomes due, in order, also what those timers arm. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((each) => each !== due);
      this.time = Math.max(this.time, due.at);
      due.fn();
    }
    this.time = end;
  }
}
