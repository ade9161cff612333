// The bench's results as Markdown.

import { cpus } from 'node:os';
import { median, type Verdict } from './bars.ts';
import type { LookupFigures } from './lookup.ts';
import type { MemoryResult } from './memory.ts';
import type { Round, RowResult } from './rows.ts';

export interface TableInput {
  readonly results: readonly RowResult[];
  readonly memory: readonly MemoryResult[];
  readonly lookups: readonly LookupFigures[];
  readonly verdicts: readonly Verdict[];
  readonly rounds: number;
  readonly seconds: number;
}

export function renderTable({ results, memory, lookups, verdicts, rounds, seconds }: TableInput): string {
  const parts = [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown kind'}, Node ${process.versions.node}, ` +
      `${rounds} interleaved rounds of ${seconds} s, medians; ratio to nginx of the same round in brackets (lowest–highest).`,
    ...results.map(renderRow),
  ];
  if (memory.length > 0) parts.push(renderMemory(memory));
  if (lookups.length > 0) parts.push(renderLookups(lookups));
  if (verdicts.length > 0) parts.push(renderVerdicts(verdicts));
  return parts.join('\n\n');
}

function renderRow({ row, rounds, memoryAfter }: RowResult): string {
  const nginx = rounds.get('nginx') ?? [];
  const lines = [...rounds].map(([name, own]) => {
    const cells = [
      name,
      `${median(own.map((round) => round.cpuPerRequest)).toFixed(1)} ${ratio(own, nginx)}`,
      Math.round(median(own.map((round) => round.load.perSecond))).toString(),
      median(own.map((round) => round.load.p50Ms)).toFixed(2),
      median(own.map((round) => round.load.p99Ms)).toFixed(2),
      (memoryAfter.get(name) ?? Number.NaN).toFixed(0),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    `**${row.title}**`,
    '',
    '| gateway | CPU us per request | requests/s | p50 ms | p99 ms | PSS MB after |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function ratio(own: readonly Round[], nginx: readonly Round[]): string {
  const ratios = own.flatMap((round, i) => {
    const other = nginx[i];
    return other === undefined ? [] : [round.cpuPerRequest / other.cpuPerRequest];
  });
  if (ratios.length === 0) return '';
  return `(${median(ratios).toFixed(2)}; ${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
}

function renderMemory(memory: readonly MemoryResult[]): string {
  const lines = memory.map(
    (entry) =>
      `| ${entry.peer} | ${entry.idleMb.toFixed(0)} | ${entry.connectedMb.toFixed(0)} (${(((entry.connectedMb - entry.idleMb) * 1024) / entry.connections).toFixed(1)} KB each) | ${entry.beforeLoadMb.toFixed(0)} | ${entry.afterLoadMb.toFixed(0)} |`,
  );
  return [
    '**Memory, PSS in MB**',
    '',
    '| gateway | idle | 5,000 idle connections | warm | after 10 s of load |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function renderLookups(lookups: readonly LookupFigures[]): string {
  const lines = lookups.map(({ what, micros }) => `| ${what} | ${micros.toFixed(2)} |`);
  return ['**One look-up**', '', '| routes | us |', '|---|---|', ...lines].join('\n');
}

function renderVerdicts(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ what, bar, value, spread, passed, note }) => {
    const cells = [
      what,
      `≤ ${bar.toFixed(2)}`,
      value.toFixed(2),
      spread.map((edge) => edge.toFixed(2)).join('–'),
      `${passed ? 'PASS' : 'FAIL'}${note === '' ? '' : `, ${note}`}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| number | bar | median | spread | verdict |', '|---|---|---|---|---|', ...lines].join('\n');
}
