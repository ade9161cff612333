// The suites `http` and `http-judges` of `npm run test:conformance`: rows with the table, and what others read in the
// bytes that reached the origin.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Suite, SuiteResult } from '../suite.ts';
import { askJudges } from './judges.ts';
import { laterRows, rows } from './rows/index.ts';
import { type Recorded, runRows } from './suite.ts';
import { calibrated, failuresOf, metOf, table, total, verdictsOf } from './verdict.ts';

const page = path.join(import.meta.dirname, '..', 'http.md');
/** All calibrated rows, and 89 of the others. */
const bar = calibrated + 89;

/** What the rows of this run have left for the judges. */
let left: readonly Recorded[] | null = null;

export const http: Suite = {
  name: 'http',
  async run({ seed, only }): Promise<SuiteResult> {
    const chosen = only === undefined ? rows : rows.filter(({ row, id }) => only === `${row}` || id === only);
    const { results, recorded } = await runRows(chosen, seed);
    left = recorded;
    const verdicts = verdictsOf(results, only === undefined ? laterRows : []);
    if (only !== undefined) {
      const failures = results.flatMap(({ wrongs }) => wrongs);
      return { passed: metOf(verdicts), of: chosen.length, bar: chosen.length, failures };
    }
    writeFileSync(page, table(verdicts));
    return { passed: metOf(verdicts), of: total, bar, failures: failuresOf(verdicts) };
  },
};

export const httpJudges: Suite = {
  name: 'http-judges',
  async run({ seed }): Promise<SuiteResult> {
    const recorded = left ?? (await runRows(rows, seed)).recorded;
    const { judges, differences } = await askJudges(recorded);
    const of = recorded.length * judges.length;
    const failures = of === 0 ? ['nothing was recorded'] : differences;
    return { passed: of - differences.length, of, bar: of, failures };
  },
};
