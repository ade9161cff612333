// What main and a data thread say to each other. Main decides, threads serve.
//
//   main                      thread
//   prepare{id, change} ───▶
//                       ◀───  prepared{id, rejected}      every thread
//   commit{id, rejected} ──▶                              the union of what any thread rejected
//                       ◀───  committed{id}
//   live, resolved      ───▶                              in place, no answer
//   drain{deadline}     ───▶
//                       ◀───  drained

import type { LiveChange, Rejection, UnitChange } from '#proxy/contract/messages.ts';

/** Addresses that main resolved for names in static server URLs. An empty list = does not resolve. */
export type ResolvedNames = Readonly<Record<string, readonly string[]>>;

/** Shared memory that main hands out: metrics and cross-thread counters. */
export interface SharedBlock {
  readonly key: string;
  readonly buffer: SharedArrayBuffer;
}

export type ToThread =
  | { type: 'prepare'; id: number; change: UnitChange; resolved: ResolvedNames; shared: readonly SharedBlock[] }
  | { type: 'commit'; id: number; rejected: readonly Rejection[] }
  | { type: 'abort'; id: number }
  | { type: 'live'; change: LiveChange }
  | { type: 'resolved'; names: ResolvedNames }
  | { type: 'drain'; graceMs: number; deadlineMs: number };

export type FromThread =
  | { type: 'ready' }
  | { type: 'prepared'; id: number; rejected: readonly Rejection[] }
  | { type: 'committed'; id: number }
  | { type: 'drained' }
  | { type: 'stats'; values: Readonly<Record<string, number>> };
