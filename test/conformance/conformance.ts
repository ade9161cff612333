// `npm run test:conformance`: every suite, one line each: `http: 137 of 160 (bar 155)`. Exits 1 when one has failed.
//
//   npm run test:conformance -- [suite …] [--seed N] [--only row]

import { parseArgs } from 'node:util';
import { h2spec } from './h2spec/run.ts';
import { http, httpJudges } from './http/run.ts';
import type { Suite } from './suite.ts';

const suites: readonly Suite[] = [http, httpJudges, h2spec];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, only: { type: 'string' } },
});
const seed = Number(values.seed ?? 1 + Math.floor(Math.random() * 1_000_000));
const unknown = positionals.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) throw new Error(`no suite is called ${unknown.join(', ')}`);

let failed = 0;
console.log(`seed ${seed}`);
for (const suite of suites) {
  if (positionals.length > 0 && !positionals.includes(suite.name)) continue;
  try {
    const { passed, of, bar, failures } = await suite.run({ seed, only: values.only });
    for (const failure of failures) console.log(`  ${failure}`);
    console.log(`${suite.name}: ${passed} of ${of} (bar ${bar})${failures.length > 0 ? ' FAILED' : ''}`);
    if (failures.length > 0) failed++;
  } catch (error) {
    failed++;
    console.log(`${suite.name}: FAILED: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
