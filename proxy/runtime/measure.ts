// What a thread holds: its heap, and how many resources of each kind keep its loop alive. For leak tests.

/** After a collection, where Node was started with --expose-gc. */
export function measure(): Record<string, number> {
  globalThis.gc?.();
  const values: Record<string, number> = { heapUsed: process.memoryUsage().heapUsed };
  for (const kind of process.getActiveResourcesInfo()) values[kind] = (values[kind] ?? 0) + 1;
  return values;
}
