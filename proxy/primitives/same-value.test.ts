import { describe, expect, it } from 'vitest';
import { sameValue } from './same-value.ts';

describe('same value', () => {
  it.each<[unknown, unknown]>([
    [1, 1],
    ['a', 'a'],
    [null, null],
    [
      { a: 1, b: [1, { c: null }] },
      { b: [1, { c: null }], a: 1 },
    ],
  ])('takes %j and %j as equal', (a, b) => expect(sameValue(a, b)).toBe(true));

  it.each<[unknown, unknown]>([
    [1, '1'],
    [null, {}],
    [null, undefined],
    [[], {}],
    [{}, []],
    [{ a: 1 }, { b: 1 }],
    [{ a: undefined }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [
      [1, 2],
      [2, 1],
    ],
    [{ toString: 1 }, {}],
  ])('tells %j and %j apart', (a, b) => expect(sameValue(a, b)).toBe(false));
});
