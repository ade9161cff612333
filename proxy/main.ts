// The composition root of a proxy; reads like the picture. `easegress run` and `npm start` hand in a source of their
// own; otherwise units come from the operator's push stream.

import { readFile } from 'node:fs/promises';
import { operatorName } from '#proxy/contract/messages.ts';
import { filters } from '#proxy/filters/index.ts';
import { unitKinds } from '#proxy/contract/units.ts';
import { startAdmin, type Admin } from '#proxy/process/admin.ts';
import { build } from '#proxy/process/build.ts';
import { watchDescriptors } from '#proxy/process/descriptors.ts';
import type { Log } from '#proxy/process/log.ts';
import { createLogger } from '#proxy/process/logger.ts';
import { createMetrics, type Metrics } from '#proxy/process/metrics.ts';
import { onReopen, onShutdown } from '#proxy/process/shutdown.ts';
import { trimHeap } from '#proxy/process/trim.ts';
import { crashThread, describeMemory, describeThreads, describeUnits } from '#proxy/runtime/debug.ts';
import { explainRequest } from '#proxy/runtime/explain.ts';
import { registerMetrics, registerStreamMetrics } from '#proxy/runtime/runtime-metrics.ts';
import type { Runtime } from '#proxy/runtime/runtime.ts';
import { startServing } from '#proxy/runtime/serving.ts';
import { fileSource } from '#proxy/sources/file.ts';
import { SettingsError } from '#proxy/process/flags.ts';
import type { UnitSource } from '#proxy/sources/source.ts';
import { StreamSource, streamSource } from '#proxy/sources/stream.ts';
import type { ProxySettings } from './settings.ts';

export interface ProxyOptions {
  /** Default: the operator that the settings name. */
  readonly source?: (settings: ProxySettings, log: Log) => UnitSource;
  readonly log?: Log;
  /** Registers debug pages of whoever shares the process. */
  readonly pages?: (admin: Admin) => void;
  /** Data threads keep ending. Default: the process ends. */
  readonly fatal?: (error: Error) => void;
}

export interface Proxy extends AsyncDisposable {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly admin: Admin;
  readonly runtime: Runtime;
  /** Not ready from now on; accepts for the grace period, then lets requests end until the deadline. */
  drain(): Promise<void>;
}

/** Resolves when the pages answer and what the disk held serves; units from the operator come when they come. */
export async function startProxy(settings: ProxySettings, options: ProxyOptions = {}): Promise<Proxy> {
  await using run = new AsyncDisposableStack();
  const log = options.log ?? createLogger({ level: settings.logLevel, format: settings.logFormat });
  const metrics = createMetrics();
  const serving = await startServing(settings, log, options.fatal ?? endProcess(log));
  const runtime = run.use(serving.runtime);
  registerMetrics(metrics, serving);
  run.use(watchDescriptors({ log }));
  const admin = run.use(
    await startAdmin({
      address: settings.admin,
      debugPort: settings.debugPort,
      metrics,
      notReady: () => runtime.notReady(),
    }),
  );
  admin.debug('units', (query) => describeUnits(runtime, query));
  admin.debug('threads', () => describeThreads(runtime));
  admin.debug('memory', () => describeMemory(runtime, settings.threads > 0));
  // Without data threads it would end the process.
  if (settings.threads > 0) admin.action('crash-thread', () => crashThread(runtime));
  admin.debug('explain', (query) => explainRequest(runtime.units.accepted, settings.portOffset, query));
  options.pages?.(admin);
  const source = run.use((options.source ?? sourceOf)(settings, log));
  if (source instanceof StreamSource) registerStreamMetrics(metrics, source);
  await source.start(runtime);
  if (settings.threads === 0) setTimeout(trimHeap, 1000).unref();
  log.info({ proxy: settings.name, admin: admin.port, threads: settings.threads, build }, 'proxy has started');

  const parts = run.move();
  return {
    log,
    metrics,
    admin,
    runtime,
    drain: () => runtime.drain(settings.grace, settings.deadline),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** `easegress proxy`: from start to signal to a clean end. */
export async function runProxy(settings: ProxySettings, options: ProxyOptions = {}): Promise<void> {
  using shutdown = onShutdown(() => process.exit(1));
  await using proxy = await startProxy(settings, options);
  using _reopen = onReopen(() => {
    proxy.runtime.threads.post({ type: 'reopenLog' });
    proxy.log.info({ file: settings.accessLog }, 'access log is opened anew');
  });
  await new Promise<void>((resolve) => {
    if (shutdown.signal.aborted) resolve();
    else shutdown.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  proxy.log.info({ graceMs: settings.grace, deadlineMs: settings.deadline }, 'proxy is ending');
  await proxy.drain();
}

function sourceOf(settings: ProxySettings, log: Log): UnitSource {
  if (settings.units !== '') return fileSource(settings.units, log);
  if (settings.operator.length === 0) throw new SettingsError('one of --operator and --units is needed');
  if (settings.tokenFile === '') throw new SettingsError('--operator needs --token-file');
  if (settings.ca === '' && settings.caFile === '') throw new SettingsError('--operator needs --ca-file or --ca');
  return streamSource({
    addresses: settings.operator,
    serverName: operatorName,
    readCa: async () => (settings.ca === '' ? readFile(settings.caFile, 'utf8') : settings.ca),
    readToken: () => readFile(settings.tokenFile, 'utf8'),
    self: {
      name: settings.name,
      build,
      unitKinds: Object.keys(unitKinds),
      filterKinds: [...filters.keys()],
    },
    log,
  });
}

function endProcess(log: Log): (error: Error) => void {
  return (error) => {
    log.error({ err: error }, 'data threads keep ending; the process ends');
    process.exit(1);
  };
}
