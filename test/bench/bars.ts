// The numbers to reach. A ratio is taken within each round and its median judged; a bar inside the spread of the
// rounds counts as not shown. `loose` is for the short run in CI: it only catches a gross loss of CPU; latencies of
// rounds of a second say more about the machine and the opening of connections than about the gateway.

import type { LookupFigures } from './lookup.ts';
import type { MemoryResult } from './memory.ts';
import type { Round, RowResult } from './rows.ts';

export interface Verdict {
  readonly what: string;
  readonly bar: number;
  readonly value: number;
  readonly spread: readonly [low: number, high: number];
  readonly passed: boolean;
  readonly note: string;
}

interface Bar {
  readonly row: string;
  readonly what: string;
  readonly peer: string;
  readonly of: (round: Round) => number;
  readonly bar: number;
}

const cpu = (round: Round): number => round.cpuPerRequest;
const p99 = (round: Round): number => round.load.p99Ms;

const bars: readonly Bar[] = [
  { row: 'base', what: 'CPU per request / nginx', peer: 'nginx', of: cpu, bar: 2.0 },
  { row: 'base', what: 'CPU per request / Envoy', peer: 'envoy', of: cpu, bar: 0.5 },
  { row: 'base', what: 'CPU per request / http-proxy', peer: 'http-proxy', of: cpu, bar: 0.25 },
  { row: 'hosts', what: '1,000 hosts: CPU per request / nginx', peer: 'nginx', of: cpu, bar: 2.0 },
  { row: 'large', what: '64 KiB: CPU per request / nginx', peer: 'nginx', of: cpu, bar: 1.2 },
  { row: 'crowd', what: '1,000 connections: p99 / nginx', peer: 'nginx', of: p99, bar: 2.0 },
];

/** CI's machine is noisy and its run short: the bars are wider by this factor there. */
const looseFactor = 1.75;

export interface Measured {
  readonly results: readonly RowResult[];
  readonly memory: readonly MemoryResult[];
  readonly lookups: readonly LookupFigures[];
}

export function judge({ results, memory, lookups }: Measured, options: { loose: boolean }): Verdict[] {
  const verdicts = bars.flatMap((bar) => {
    const result = results.find(({ row }) => row.name === bar.row);
    if (options.loose && bar.of === p99) return [];
    const ours = result?.rounds.get('easegress');
    const theirs = result?.rounds.get(bar.peer);
    if (ours === undefined || theirs === undefined) return [];
    const ratios = ours.flatMap((round, i) => {
      const other = theirs[i];
      return other === undefined ? [] : [bar.of(round) / bar.of(other)];
    });
    return [verdict(bar.what, options.loose ? bar.bar * looseFactor : bar.bar, ratios)];
  });
  for (const { what, micros } of lookups) {
    verdicts.push(verdict(`us per look-up, ${what}`, options.loose ? 2 * looseFactor : 2, [micros]));
  }
  const own = memory.find(({ peer }) => peer === 'easegress');
  if (own !== undefined)
    verdicts.push(verdict('memory after load / before', 1.2, [own.afterLoadMb / own.beforeLoadMb]));
  return verdicts;
}

function verdict(what: string, bar: number, values: readonly number[]): Verdict {
  const sorted = values.toSorted((a, b) => a - b);
  const value = median(sorted);
  const spread = [sorted[0] ?? Number.NaN, sorted.at(-1) ?? Number.NaN] as const;
  const passed = value <= bar;
  const note = passed && spread[1] > bar ? 'bar inside the spread: not shown' : '';
  return { what, bar, value, spread, passed, note };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
