import { describe, expect, it } from 'vitest';
import { onShutdown } from './shutdown.ts';

describe('a process that is told to end', () => {
  it('takes a signal that arrives twice at once for one, and a later one for impatience', () => {
    let now = 0;
    let impatient = 0;
    using shutdown = onShutdown(
      () => impatient++,
      () => now,
    );
    process.emit('SIGINT', 'SIGINT');
    expect([shutdown.signal.aborted, impatient]).toEqual([true, 0]);
    now += 40;
    process.emit('SIGINT', 'SIGINT');
    expect(impatient).toBe(0);
    now += 1_000;
    process.emit('SIGINT', 'SIGINT');
    expect(impatient).toBe(1);
    now = 0;
    process.emit('SIGTERM', 'SIGTERM');
    expect(impatient).toBe(2);
  });
});
