// A data thread: what it is started with, and how its parts come together. The same composition serves in the main
// thread when there are no data threads. Run by thread-entry.ts among sources and by the command's entry in a bundle.

import { parentPort, workerData } from 'node:worker_threads';
import { filters } from '#proxy/filters/index.ts';
import { memoryBudget } from '#proxy/exchange/memory-budget.ts';
import { processNow } from '#proxy/pipeline/clock.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { logTo, type Log } from '#proxy/process/log.ts';
import { AddressPlaces } from '#proxy/listeners/address-places.ts';
import { addOne, SeriesPages, threadCell, turnedAwayCells } from '#proxy/process/series.ts';
import { allowAll, clusterConnectPolicy } from '#proxy/upstream/connect-policy.ts';
import { createDataPlane } from './data-plane.ts';
import { LogWriter } from './log-writer.ts';
import { countLines, createObserver, type AccessLogFormat } from './observer.ts';
import { SharedArena } from './shared-arena.ts';
import { hostDataPlane, type DataPlane, type ServingPlane } from './thread-host.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

/** Goes to a worker by copy, shared memory by reference. */
export interface ThreadStart {
  readonly index: number;
  /** False where one thread has the port for itself. */
  readonly reusePort: boolean;
  /** `stdout`, `off`, or a file. */
  readonly accessLog: string;
  readonly accessLogFormat: AccessLogFormat;
  readonly trustedPeers: readonly string[];
  readonly proxyProtocolFrom?: readonly string[];
  /** 0 = any number. */
  readonly maxConnectionsPerAddress?: number;
  /** Bytes that the thread keeps for clients and whole bodies. */
  readonly memoryBudget?: number;
  /** Milliseconds without a byte of an answer's body; 0 = any time. */
  readonly upstreamIdle?: number;
  readonly restrictUpstreams: boolean;
  readonly allowUpstreams: readonly string[];
  /** How long a removed listener still answers. */
  readonly graceMs: number;
  readonly limits?: Partial<ConnectionLimits>;
  readonly firstPage: SharedArrayBuffer;
  readonly arena: SharedArrayBuffer;
  /** Session tickets of one thread are good in all. */
  readonly ticketSecret: Uint8Array;
}

export function startPlane(start: ThreadStart, answer: (message: FromThread) => void): DataPlane {
  const log = logTo((level, fields, message) => answer({ type: 'log', level, fields: plain(fields), message }));
  const series = new SeriesPages(start.firstPage);
  const arena = new SharedArena(start.arena, (key) => log.warn({ key }, 'no room for shared counters'));
  const writer = openLog(start.accessLog, series, log);
  const observer = createObserver(series, writer, start.accessLogFormat);
  const clock = { now: () => performance.now(), timer: runLater };
  memoryBudget.limit = start.memoryBudget ?? Number.POSITIVE_INFINITY;
  const connectPolicy = start.restrictUpstreams ? clusterConnectPolicy(start.allowUpstreams) : allowAll;
  const plane = createDataPlane({
    log,
    series,
    upstream: {
      ...clock,
      random: Math.random,
      connectPolicy,
      bodyIdleMs: start.upstreamIdle ?? 0,
      onStalled: () => addOne(series.thread, threadCell.stalledAnswers),
    },
    pipeline: {
      filters,
      now: processNow,
      random: Math.random,
      timer: runLater,
      shared: (key, slots) => arena.counters(key, slots),
    },
    port: {
      index: start.index,
      reusePort: start.reusePort,
      observer,
      trustedPeers: new CidrSet(start.trustedPeers),
      relays: new CidrSet(start.proxyProtocolFrom ?? []),
      places: new AddressPlaces(start.maxConnectionsPerAddress ?? 0),
      onShed: (what) => addOne(series.thread, what === 'head' ? threadCell.shedHeads : threadCell.shedRequests),
      onTurnedAway: (reason) => addOne(series.thread, turnedAwayCells[reason]),
      graceMs: start.graceMs,
      limits: start.limits ?? {},
      ticketSecret: start.ticketSecret,
      log,
      timer: runLater,
    },
  });
  return {
    ...bound(plane),
    reopenLog: () => writer?.reopen(),
    async drain(graceMs, deadlineMs) {
      await plane.drain(graceMs, deadlineMs);
      await writer?.close();
    },
  };
}

/** The whole life of a worker. Anything uncaught ends it, and main starts another. */
export function runThread(): void {
  const port = parentPort;
  if (port === null) throw new Error('a data thread is started by the main thread only');
  const answer = (message: FromThread): void => port.postMessage(message);
  const receive = hostDataPlane(startPlane(workerData as ThreadStart, answer), answer);
  port.on('message', (message: ToThread) => receive(message));
  answer({ type: 'ready' });
}

function openLog(place: string, series: SeriesPages, log: Log): LogWriter | null {
  if (place === 'off') return null;
  const troubled = (error: Error | null): void => {
    if (error === null) log.info({ file: place }, 'access log is written again');
    else log.error({ file: place, err: error }, 'access log cannot be written; its lines are dropped, serving goes on');
  };
  return new LogWriter({ place, counted: countLines(series), troubled });
}

function runLater(ms: number, fn: () => void): () => void {
  const timer = setTimeout(fn, ms);
  return () => clearTimeout(timer);
}

function bound(plane: ServingPlane): ServingPlane {
  return {
    prepare: (step) => plane.prepare(step),
    commit: (rejected) => plane.commit(rejected),
    abort: () => plane.abort(),
    live: (change) => plane.live(change),
    resolved: (names) => plane.resolved(names),
    releaseSeries: (names) => plane.releaseSeries(names),
    drain: (graceMs, deadlineMs) => plane.drain(graceMs, deadlineMs),
  };
}

/** Errors cross to main as their text: a cause may hold what cannot be copied. */
function plain(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value.message : value]),
  );
}
