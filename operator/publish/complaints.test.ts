import { describe, expect, it } from 'vitest';
import { logTo } from '#proxy/process/log.ts';
import { Complaints } from './complaints.ts';

function start(most?: number): { complaints: Complaints; lines: object[]; clock: { now: number } } {
  const lines: object[] = [];
  const clock = { now: 0 };
  const log = logTo((_level, fields) => void lines.push(fields));
  return { complaints: new Complaints(log, () => clock.now, most), lines, clock };
}

describe('complaints about strangers', () => {
  it('are one line for an address and minute; the next says how many it stands for', () => {
    const { complaints, lines, clock } = start();
    for (let i = 0; i < 100; i++) complaints.warn('192.0.2.1', 'no');
    complaints.warn('192.0.2.2', 'no');
    expect(lines).toEqual([{ address: '192.0.2.1' }, { address: '192.0.2.2' }]);
    clock.now = 59_999;
    complaints.warn('192.0.2.1', 'no');
    expect(lines).toHaveLength(2);
    clock.now = 60_000;
    complaints.warn('192.0.2.1', 'no', { reason: 'x' });
    expect(lines[2]).toEqual({ address: '192.0.2.1', reason: 'x', untold: 100 });
  });

  it('are about a bounded number of addresses in a minute', () => {
    const { complaints, lines, clock } = start(2);
    for (let i = 0; i < 100; i++) complaints.warn(`192.0.2.${i}`, 'no');
    expect(lines).toHaveLength(2);
    clock.now = 60_000;
    for (let i = 0; i < 100; i++) complaints.warn(`198.51.100.${i}`, 'no');
    expect(lines).toHaveLength(4);
  });
});
