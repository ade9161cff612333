// One monotonic clock for all threads of the process. performance.now() counts from the start of its own thread, so
// two threads that share counters of a rate would not agree on the time; process.hrtime counts from the machine's
// start but costs three times as much. The offset between the two is fixed, so it is taken once per thread.

const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds since the machine started. */
export function processNow(): number {
  return performance.now() + offset;
}
