// What main and a data thread say to each other. Main decides, threads serve.
//
//   main                      thread
//                       ◀───  ready
//   prepare{id, change} ───▶
//                       ◀───  prepared{id, rejected}      every thread
//   commit{id, rejected} ──▶                              the union of what any thread rejected
//                       ◀───  committed{id}
//   live, resolved      ───▶                              in place, no answer
//   drain{deadline}     ───▶
//                       ◀───  drained

import type { LiveChange, Rejection, UnitChange } from '#proxy/contract/messages.ts';
import type { LogFields, LogLevel } from '#proxy/process/log.ts';

/** Addresses that main resolved for names in static server URLs. An empty list = does not resolve. */
export type ResolvedNames = Readonly<Record<string, readonly string[]>>;

/** Shared memory that main hands out: metrics and cross-thread counters. */
export interface SharedBlock {
  readonly key: string;
  readonly buffer: SharedArrayBuffer;
}

/** Where a listener really binds: the port offset is added, port 0 resolved. */
export interface BindAddress {
  /** `` = all addresses. */
  readonly host: string;
  readonly port: number;
}

/** All that a thread needs for one change. */
export interface PrepareStep {
  readonly change: UnitChange;
  readonly resolved: ResolvedNames;
  readonly shared: readonly SharedBlock[];
  /** Unit → slot of its counters, for units that are new. */
  readonly series: Readonly<Record<string, number>>;
  /** Listener unit → where it binds, for the listeners in the change. */
  readonly addresses: Readonly<Record<string, BindAddress>>;
}

export type ToThread =
  | ({ type: 'prepare'; id: number } & PrepareStep)
  | { type: 'commit'; id: number; rejected: readonly Rejection[] }
  | { type: 'abort'; id: number }
  | { type: 'live'; change: LiveChange }
  | { type: 'resolved'; names: ResolvedNames }
  /** These units' slots go to others. */
  | { type: 'releaseSeries'; names: readonly string[] }
  /** Somebody moved the file of the access log away. */
  | { type: 'reopenLog' }
  /** Asks for `stats`, after a collection where Node was started with --expose-gc. */
  | { type: 'measure' }
  /** Ends the thread by an uncaught error: what tests of the restart ask for. */
  | { type: 'crash' }
  | { type: 'drain'; graceMs: number; deadlineMs: number };

export type FromThread =
  | { type: 'ready' }
  | { type: 'prepared'; id: number; rejected: readonly Rejection[] }
  | { type: 'committed'; id: number }
  | { type: 'drained' }
  | { type: 'log'; level: LogLevel; fields: LogFields; message: string }
  | { type: 'stats'; values: Readonly<Record<string, number>> };
