import { describe, expect, it } from 'vitest';
import { laterRows, rows } from './rows/index.ts';
import type { LaterRow, Row } from './row.ts';
import { failuresOf, metOf, type RowResult, table, verdictsOf } from './verdict.ts';

const row = (number: number, more: Partial<Row> = {}): Row => ({
  row: number,
  id: `row-${number}`,
  source: '9110 1',
  cases: () => [],
  ...more,
});
const met = (number: number, more: Partial<Row> = {}): RowResult => ({ row: row(number, more), wrongs: [], played: 5 });
/** All rows are met but those that `change` gives. */
function results(change: Readonly<Record<number, RowResult | null>> = {}): RowResult[] {
  return Array.from({ length: 160 }, (_, i) => (i + 1 in change ? (change[i + 1] ?? null) : met(i + 1))).filter(
    (result) => result !== null,
  );
}
const failures = (change: Readonly<Record<number, RowResult | null>>, later: readonly LaterRow[] = []): string[] =>
  failuresOf(verdictsOf(results(change), later));

describe('the run', () => {
  it('passes when every row is met', () => {
    expect(failures({})).toEqual([]);
    expect(metOf(verdictsOf(results(), []))).toBe(160);
  });

  it.each<[string, Readonly<Record<number, RowResult | null>>, string]>([
    ['a miss that is not listed', { 70: { ...met(70), wrongs: ['no'] } }, 'row 70 row-70: MISSED: no'],
    ['a row without a case', { 70: { ...met(70), played: 0 } }, 'row 70 row-70: MISSED: no case was played'],
    ['a listed row that passes', { 70: met(70, { decision: 'so' }) }, 'row 70 row-70: LISTED BUT PASSES: so'],
    [
      'a calibrated row that is listed',
      { 7: { ...met(7, { decision: 'so' }), wrongs: ['no'] } },
      'row 7 row-7 may not be listed',
    ],
    ['a row that is forgotten', { 9: null }, 'row 9 is there 0 times'],
  ])('fails by %s', (_, change, failure) => {
    expect(failures(change)).toEqual([failure]);
  });

  it('passes with rows that are listed and unmet, or that wait for a part, and counts them as not met', () => {
    const unmet = { 70: { ...met(70, { decision: 'so' }), wrongs: ['no'] }, 127: null };
    const later = [{ row: 127, id: 'row-127', source: '9113', later: 'HTTP/2' }];
    expect(failures(unmet, later)).toEqual([]);
    expect(metOf(verdictsOf(results(unmet), later))).toBe(158);
    expect(table(verdictsOf(results(unmet), later))).toContain('| 127 | row-127 | 9113 | later | HTTP/2 |');
  });
});

it('every row of the checklist is there once', () => {
  const numbers = [...rows, ...laterRows].map(({ row: number }) => number).toSorted((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 160 }, (_, i) => i + 1));
});
