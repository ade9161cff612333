// The composition root of the operator; reads like the picture:
//
//   source ─▶ store ─▶ compile ─▶ publish ═▶ proxies
//                          └──────▶ status ◀── acks
//
// startControl() is that without a network: `easegress run` hands its sessions to a proxy in the same process.

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { startAdmin, type Admin } from '#proxy/process/admin.ts';
import { build } from '#proxy/process/build.ts';
import type { Log } from '#proxy/process/log.ts';
import { createLogger } from '#proxy/process/logger.ts';
import { createMetrics } from '#proxy/process/metrics.ts';
import { onReopen, onShutdown } from '#proxy/process/shutdown.ts';
import { createCompiler, type Compiler } from './compile/compile.ts';
import { startLoop, type Loop } from './loop.ts';
import { systemClock } from './publish/clock.ts';
import { openAuthority } from './publish/identity/authority.ts';
import { tokenFileVerifier } from './publish/identity/token-file.ts';
import { registerPushMetrics } from './publish/push-metrics.ts';
import { startPushServer, type PushServer } from './publish/server.ts';
import { Sessions } from './publish/sessions.ts';
import { redactedObject, redactedUnit } from './resources/redacted.ts';
import type { OperatorSettings } from './settings.ts';
import { fileSource } from './sources/files.ts';
import { startReporter } from './status/reporter.ts';
import { createStatusTable, type StatusTable } from './status/status.ts';
import { createStore, type Store } from './store/store.ts';

export interface Control extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly store: Store;
  readonly compiler: Compiler;
  readonly statuses: StatusTable;
  readonly loop: Loop;
}

export interface ControlOptions {
  readonly files: string;
  readonly log: Log;
  /** Gets a line for each object whose conditions changed. */
  readonly print: (line: string) => void;
}

/** Resolves when everything that exists was compiled and published. */
export async function startControl({ files, log, print }: ControlOptions): Promise<Control> {
  await reachable(files);
  await using run = new AsyncDisposableStack();
  const store = createStore();
  const compiler = createCompiler();
  const statuses = createStatusTable(() => Date.now());
  const timer = (ms: number, fn: () => void): (() => void) => systemClock.timer(ms, fn);
  const reporter = run.use(startReporter({ statuses, store, print, timer }));
  const sessions = new Sessions({ log, build, onAcks: (acks, units) => loop.acked(acks, units) });
  const source = run.use(fileSource(files));
  const loop = run.use(
    startLoop({
      source,
      store,
      compile: (changes) => compiler.update(changes),
      publish: (delta) => sessions.publish(delta),
      status: (change) => reporter.update(change),
      clock: systemClock,
      log,
    }),
  );
  await loop.started;
  const parts = run.move();
  return { sessions, store, compiler, statuses, loop, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** A mount that is not there yet must not be served as a folder without objects: proxies would drop what they have. */
async function reachable(files: string): Promise<void> {
  try {
    await access(files);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Error(`the manifests in ${files} cannot be reached (${reason}); create the folder or correct --files`, {
      cause: error,
    });
  }
}

export interface Operator extends AsyncDisposable {
  readonly control: Control;
  readonly push: PushServer;
  readonly adminPort: number;
  readonly debugPort: number;
}

export interface OperatorOptions {
  readonly log?: Log;
  readonly print?: (line: string) => void;
  /** Default: compiles the folder that the settings name. */
  readonly control?: (options: ControlOptions) => Promise<Control>;
}

/** Resolves when proxies can connect. */
export async function startOperator(settings: OperatorSettings, options: OperatorOptions = {}): Promise<Operator> {
  await using run = new AsyncDisposableStack();
  const log = options.log ?? createLogger({ level: settings.logLevel, format: settings.logFormat });
  const print = options.print ?? ((line) => void process.stdout.write(`${line}\n`));
  const metrics = createMetrics();
  const authority = await openAuthority(settings.stateDir);
  const tokenFile = settings.tokenFile === '' ? join(settings.stateDir, 'token') : settings.tokenFile;
  const verifier = await tokenFileVerifier(tokenFile);
  let ready = false;
  const notReady = (): string | null => (ready ? null : 'what exists was not published yet');
  const { debugPort } = settings;
  const admin = run.use(await startAdmin({ address: settings.admin, debugPort, metrics, notReady }));
  const start = options.control ?? startControl;
  const control = run.use(await start({ files: settings.files, log, print }));
  const push = run.use(
    await startPushServer({
      address: settings.listen,
      certificate: () =>
        authority.issue([...settings.names, ...(settings.listen.host === '' ? [] : [settings.listen.host])]),
      verifier,
      sessions: control.sessions,
      log,
    }),
  );
  registerPushMetrics(metrics, control.sessions, push);
  registerPages(admin, control);
  admin.debug('units', ({ name }) => {
    const units = [...control.compiler.units().values()].map(({ unit }) => unit);
    return namedOrAll(units, name, redactedUnit);
  });
  ready = true;
  run.defer(() => void (ready = false));
  log.info({ ca: authority.path, tokenFile, admin: admin.port, build }, 'operator has started');
  const parts = run.move();
  return {
    control,
    push,
    adminPort: admin.port,
    debugPort: admin.debugPort,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** `easegress operator`: from start to signal to a clean end. */
export async function runOperator(settings: OperatorSettings): Promise<void> {
  using shutdown = onShutdown(() => process.exit(1));
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat });
  // The signals that make a proxy open its access log anew must not end an operator, which has none.
  using _reopen = onReopen(() => log.info({}, 'an operator has no log file to open anew'));
  await using _operator = await startOperator(settings, { log });
  const { signal } = shutdown;
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Debug pages of the control plane, also beside a proxy's own in `easegress run`. */
export function registerPages(admin: Admin, { store, statuses, sessions }: Control): void {
  admin.debug('objects', ({ name }) => namedOrAll(store.list(), name, redactedObject));
  admin.debug('sessions', () => sessions.rows());
  admin.debug('status', () => [...statuses.all.values()]);
}

/** `?name=` narrows a page to what bears it. */
function namedOrAll<T extends { readonly name: string }>(
  all: readonly T[],
  name: string | undefined,
  show: (one: T) => unknown,
): unknown[] {
  return all.filter((one) => name === undefined || one.name === name).map(show);
}
