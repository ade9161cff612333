import { describe, expect, it } from 'vitest';
import { watchDescriptors, type DescriptorUse } from './descriptors.ts';
import { logTo } from './log.ts';

describe('descriptors that run out', () => {
  it('are told once, and once when there are some again', async () => {
    const lines: string[] = [];
    const uses = [10, 95, 100, 85, 92, 10, 10].map((open): DescriptorUse => ({ open, limit: 100 }));
    const over = Promise.withResolvers<void>();
    using _watch = watchDescriptors({
      log: logTo((level, { open }) => lines.push(`${level} ${String(open)}`)),
      everyMs: 1,
      use: () => {
        const use = uses.shift() ?? null;
        if (use === null) over.resolve();
        return Promise.resolve(use);
      },
    });
    await over.promise;
    expect(lines).toEqual(['error 95', 'info 10']);
  });
});
