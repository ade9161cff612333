// The suite `http` of `npm run test:conformance`: rows, judges, the table.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Suite, SuiteResult } from '../suite.ts';
import { laterRows, rows } from './rows/index.ts';
import { runRows } from './suite.ts';
import { calibrated, failuresOf, metOf, table, total, verdictsOf } from './verdict.ts';

const page = path.join(import.meta.dirname, '..', 'http.md');
/** All calibrated rows, and 89 of the others. */
const bar = calibrated + 89;

export const http: Suite = {
  name: 'http',
  async run({ seed, only }): Promise<SuiteResult> {
    const chosen = only === undefined ? rows : rows.filter(({ row, id }) => only === `${row}` || id.includes(only));
    const { results } = await runRows(chosen, seed);
    const verdicts = verdictsOf(results, only === undefined ? laterRows : []);
    if (only !== undefined) {
      const failures = results.flatMap(({ wrongs }) => wrongs);
      return { passed: metOf(verdicts), of: chosen.length, bar: chosen.length, failures };
    }
    writeFileSync(page, table(verdicts));
    return { passed: metOf(verdicts), of: total, bar, failures: failuresOf(verdicts) };
  },
};
