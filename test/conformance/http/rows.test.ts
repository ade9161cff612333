// The calibrated rows once each, uncut, with the other tests: what breaks one of them is told before the whole suite
// (`npm run test:conformance`) runs.

import { expect, it } from 'vitest';
import { rows } from './rows/index.ts';
import { runRows } from './suite.ts';
import { calibrated, verdictsOf } from './verdict.ts';

it('all calibrated rows, and those about forwarding, are met', async () => {
  const chosen = rows.filter(({ row }) => row <= calibrated || (row >= 93 && row <= 104) || (row >= 111 && row <= 126));
  const { results, recorded } = await runRows(chosen, 20_261_124, ['whole']);
  const unmet = verdictsOf(results, []).filter(({ verdict }) => verdict !== 'met');
  expect(unmet).toEqual([]);
  expect(recorded.length).toBeGreaterThan(50);
});
