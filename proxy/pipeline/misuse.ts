// Faults of filters that a request survives, counted per thread for the metrics.

export const misuse = {
  /** complete() after the turn was over, twice, or beside a result. */
  lateCompletes: 0,
  /** handle(), a promise of it, or a callback threw. */
  failures: 0,
};
