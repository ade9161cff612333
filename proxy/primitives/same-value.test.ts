import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameValue, sharedValue } from './same-value.ts';

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

describe('shared value', () => {
  it('is the former value when nothing changed', () => {
    const before = { a: [1, { b: 'x' }], c: null };
    expect(sharedValue(before, structuredClone(before))).toBe(before);
  });

  it('takes what did not change from the former value, and nothing else', () => {
    const before = { rules: [{ host: 'a' }, { host: 'b' }], port: 1 };
    const after = sharedValue(before, { rules: [{ host: 'a' }, { host: 'c' }], port: 1 });
    expect(after).toEqual({ rules: [{ host: 'a' }, { host: 'c' }], port: 1 });
    expect(after.rules[0]).toBe(before.rules[0]);
    expect(before.rules[1]).toEqual({ host: 'b' });
  });

  it.each<[string, number[], number[]]>([
    ['inserted', [1, 2, 3], [1, 9, 2, 3]],
    ['taken away', [1, 2, 3], [1, 3]],
    ['added at the end', [1, 2], [1, 2, 3]],
  ])('finds the items of a list again when one is %s', (_, from, to) => {
    const before = from.map((id) => ({ id }));
    const after = sharedValue(
      before,
      to.map((id) => ({ id })),
    );
    expect(after.map(({ id }) => id)).toEqual(to);
    for (const item of after) if (from.includes(item.id)) expect(before).toContain(item);
  });

  it('takes members in another order as a change', () => {
    const after = { b: 2, a: 1 };
    expect(sharedValue({ a: 1, b: 2 }, after)).toBe(after);
  });

  it('has the content of the new value, member order included, whatever was before, and changes neither', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        const texts = [JSON.stringify(before), JSON.stringify(after)];
        for (const [a, b] of [
          [before, after],
          [[before, after], [after]],
          [
            { before, after },
            { before: after, after },
          ],
        ]) {
          expect(JSON.stringify(sharedValue(a, b))).toBe(JSON.stringify(b));
        }
        expect([JSON.stringify(before), JSON.stringify(after)]).toEqual(texts);
      }),
    );
  });
});
