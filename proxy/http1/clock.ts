// One coarse clock for all connections of a thread: a deadline is a number that a sweep looks at four times a second,
// not a timer per request, and the Date field is rendered once a second. It runs while somebody watches it.

export const tickMs = 250;

/** Something with deadlines. `now` is monotonic milliseconds. */
export interface Swept {
  sweep(now: number): void;
}

const watchers = new Set<Swept>();
let interval: NodeJS.Timeout | null = null;
let second = -1;

/** Read-only for others. `now` is up to one tick old; `date` is a whole header line. */
export const clock = { now: 0, date: '' };

/** Deadline `ms` from now that never comes early. 0 stands for none. */
export function deadlineIn(ms: number): number {
  return ms === 0 ? 0 : clock.now + ms + tickMs;
}

export function watchClock(watcher: Swept): void {
  watchers.add(watcher);
  if (interval !== null) return;
  update();
  interval = setInterval(tick, tickMs);
  interval.unref();
}

export function unwatchClock(watcher: Swept): void {
  watchers.delete(watcher);
  if (watchers.size > 0 || interval === null) return;
  clearInterval(interval);
  interval = null;
}

function tick(): void {
  update();
  for (const watcher of watchers) watcher.sweep(clock.now);
}

function update(): void {
  clock.now = performance.now();
  const wall = Date.now();
  const next = Math.floor(wall / 1000);
  if (next === second) return;
  second = next;
  clock.date = `Date: ${new Date(wall).toUTCString()}\r\n`;
}
