// Puts the main thread's side together from settings: counters, resolver, threads, runtime.

import { lookup } from 'node:dns/promises';
import { closeSync, openSync } from 'node:fs';
import { SettingsError } from '#proxy/process/flags.ts';
import { newTicketSecret } from '#proxy/primitives/crypto/ticket-keys.ts';
import type { Log } from '#proxy/process/log.ts';
import { threadCell } from '#proxy/process/series.ts';
import { SeriesTable } from '#proxy/process/series-table.ts';
import { createResolver } from '#proxy/upstream/resolver.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import type { AccessLogFormat } from './observer.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { seriesFamilies } from './series-names.ts';
import { startPlane, type ThreadStart } from './thread.ts';
import { localPort, workerPort } from './thread-port.ts';
import { ThreadGroup } from './threads.ts';

export interface ServingSettings {
  /** 0 = the main thread serves. */
  readonly threads: number;
  readonly stateDir: string;
  readonly portOffset: number;
  readonly accessLog: string;
  readonly accessLogFormat: AccessLogFormat;
  readonly trustedPeers: readonly string[];
  readonly proxyProtocolFrom?: readonly string[];
  readonly maxConnectionsPerAddress?: number;
  readonly upstreamIdle?: number;
  /** Bytes for each data thread. */
  readonly memoryBudget?: number;
  readonly restrictUpstreams: boolean;
  readonly allowUpstreams: readonly string[];
  readonly grace: number;
  readonly maxSeries: number;
  /** Connection limits other than the product's. No flag: tests shorten time-outs with it. */
  readonly limits?: Partial<ConnectionLimits>;
  /** As RuntimeSettings has it. */
  readonly retryMs?: number;
}

export interface Serving {
  readonly runtime: Runtime;
  readonly series: SeriesTable;
}

const keepSeriesMs = 300_000;

/** `fatal` is told when data threads keep ending. */
export async function startServing(
  settings: ServingSettings,
  log: Log,
  fatal: (error: Error) => void,
): Promise<Serving> {
  const count = threadCount(settings.threads, log);
  checkAccessLog(settings.accessLog);
  const series = new SeriesTable(Math.max(1, count), {
    families: seriesFamilies,
    cap: settings.maxSeries,
    keepMs: keepSeriesMs,
    now,
  });
  const ticketSecret = newTicketSecret();
  const runtime = await createRuntime(settings, {
    log,
    now,
    timer,
    series,
    resolver: (changed) => createResolver({ lookup: allAddresses, timer, changed }),
    threads: (full, memory) => {
      const startOf = (index: number): ThreadStart => ({
        ...settings,
        index,
        reusePort: count > 1 || reusable,
        graceMs: settings.grace,
        firstPage: series.pages(index)[0] as SharedArrayBuffer,
        arena: memory.arena,
        ticketSecret,
      });
      return new ThreadGroup({
        count: Math.max(1, count),
        start: (index) =>
          count === 0 ? localPort((answer) => startPlane(startOf(index), answer)) : workerPort(startOf(index)),
        full,
        building: (index) => series.threadValue(index, threadCell.building),
        log,
        now,
        timer,
        lost: (index) => memory.forgetThread(index),
        fatal,
      });
    },
  });
  return { runtime, series };
}

/** A place that never works is told at the start; one that fails later costs lines, not the process. */
function checkAccessLog(place: string): void {
  if (place === 'off' || place === 'stdout') return;
  try {
    closeSync(openSync(place, 'a', 0o640));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SettingsError(`--access-log ${place} cannot be written: ${reason}`, { cause: error });
  }
}

/** Where the kernel shares a port among sockets. Elsewhere one thread serves. */
const reusable = process.platform === 'linux';

function threadCount(wanted: number, log: Log): number {
  if (wanted <= 1 || reusable) return wanted;
  log.warn({ wanted }, 'this platform shares no port among threads; one data thread serves');
  return 1;
}

async function allAddresses(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

function now(): number {
  return performance.now();
}

function timer(ms: number, fn: () => void): () => void {
  const handle = setTimeout(fn, ms);
  return () => clearTimeout(handle);
}
