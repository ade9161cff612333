import { expect, it } from 'vitest';
import { fnv1 } from './fnv.ts';

it('is FNV-1, not FNV-1a, in the known vectors', () => {
  expect([fnv1(''), fnv1('a'), fnv1('foobar')]).toEqual([0x811c9dc5, 0x050c5d7e, 0x31f0b262]);
});

it('splits as Easegress does', () => {
  const carts = Array.from({ length: 9 }, (_, i) => fnv1(`cart-${i + 1}`) % 3);
  expect(carts).toEqual([1, 2, 0, 2, 0, 1, 2, 1, 2]);
  for (let i = 1; i <= 8; i++) {
    expect(fnv1(`u${i}`) % 1000).toBeGreaterThanOrEqual(214);
    expect(fnv1(`u${i}`) % 1000).toBeLessThanOrEqual(223);
  }
});
