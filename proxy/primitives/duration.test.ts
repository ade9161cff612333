import { describe, expect, it } from 'vitest';
import { durationField, durationMs, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['10ms', 10],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1h30m', 5_400_000],
    ['1m0.5s', 60_500],
    ['2h45m30.5s', 9_930_500],
    ['1us', 1],
    ['500µs', 1],
    ['1500us', 2],
    ['-1m', -60_000],
    ['+3s', 3000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '10', '1d', 's', '1 s', '1s ', '1S', '-', '1s-2s', '1e3s', '300000000h', '1..5s', '٣s'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  it('takes no longer for a long text', () => {
    expect(parseDuration('1s'.repeat(100_000))).toBeNull();
  });
});

describe('durationMs', () => {
  it('throws for what no schema would have let through', () => {
    expect(() => durationMs('soon')).toThrow('"soon"');
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [1500, '1.5s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [-250, '-250ms'],
  ])('prints %d ms as %s, which reads back', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDuration(text)).toBe(ms);
  });
});

describe('durationField', () => {
  it('refuses a negative duration', () => {
    expect(durationField('x').safeParse('-1s').success).toBe(false);
    expect(durationField('x').safeParse('1s').success).toBe(true);
  });
});
