// Time and chance as publish and the loop see them, so that tests decide when ten seconds have passed.

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Runs `run` once after `ms`; the returned function cancels it. */
  timer(ms: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  timer(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
