// `npm run bench`: our gateway beside nginx, haproxy, Envoy and npm http-proxy, in interleaved rounds of one run.
// Prints medians, spread and ratios to nginx of the same round; `--check` adds bar, value, PASS or FAIL and sets the
// exit code; `--short` is the quick form that CI runs; `--write FILE` puts the table into a Markdown file.
// `bench propagation` is in propagation.ts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { judge, type Verdict } from './bars.ts';
import { measureLookups } from './lookup.ts';
import { measureMemory } from './memory.ts';
import { startOrigin } from './origin.ts';
import { freePort } from './processes.ts';
import { rows, runRow, type RowResult } from './rows.ts';
import { renderTable } from './table.ts';
import { easegress } from './peers/easegress.ts';
import { envoy } from './peers/envoy.ts';
import { haproxy } from './peers/haproxy.ts';
import { httpProxy } from './peers/http-proxy.ts';
import { nginx } from './peers/nginx.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    peers: { type: 'string' },
    write: { type: 'string' },
  },
});

if (positionals[0] === 'propagation') {
  const { runPropagation } = await import('./propagation.ts');
  process.exitCode = await runPropagation({ short: values.short, check: values.check, write: values.write ?? '' });
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-'));
  const rounds = Number(values.rounds ?? (values.short ? 3 : 5));
  const seconds = Number(values.seconds ?? (values.short ? 1 : 3));
  const peers = [nginx, haproxy, envoy, easegress, httpProxy].filter(
    (peer) => values.peers === undefined || values.peers.split(',').includes(peer.name),
  );
  try {
    const originPort = await freePort();
    await using _origin = await startOrigin(dir, originPort);
    const results: RowResult[] = [];
    for (const row of rows.filter(({ name }) => values.rows === undefined || values.rows.split(',').includes(name))) {
      console.log(`row ${row.name}: ${row.title}`);
      results.push(await runRow(row, { dir, originPort, rounds, seconds, peers }));
    }
    const memory = values.short || values.rows !== undefined ? [] : await measureMemory({ dir, originPort, peers });
    const lookups = values.rows === undefined ? measureLookups() : [];
    const verdicts = judge({ results, memory, lookups }, { loose: values.short });
    const text = renderTable({ results, memory, lookups, verdicts, rounds, seconds });
    console.log(text);
    if (values.write !== undefined) replaceSection(values.write, text);
    const faults = results.flatMap((result) => result.faults);
    for (const fault of faults) console.log(`FAULT ${fault}`);
    return values.check ? exitCode(verdicts, faults) : 0;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function exitCode(verdicts: readonly Verdict[], faults: readonly string[]): number {
  return faults.length === 0 && verdicts.every((verdict) => verdict.passed) ? 0 : 1;
}

/** Puts the table between the markers of a Markdown file. */
function replaceSection(file: string, text: string): void {
  const begin = '<!-- bench:begin -->';
  const end = '<!-- bench:end -->';
  const old = readFileSync(file, 'utf8');
  const before = old.slice(0, old.indexOf(begin) + begin.length);
  writeFileSync(file, `${before}\n\n${text}\n\n${old.slice(old.indexOf(end))}`);
}
