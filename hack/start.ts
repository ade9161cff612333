// `npm start`: the whole path on one machine. Echo upstreams, an operator over config/samples (or the folder that is
// named), and two proxies as processes of their own, connected by the real push stream. Proxy n listens on the
// objects' ports + 10,000·(n−1). Ctrl-C ends all of it and leaves nothing behind.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { startOperator, type Operator } from '#operator/main.ts';
import { readOperatorSettings } from '#operator/settings.ts';
import { createLogger } from '#proxy/process/logger.ts';
import { onShutdown } from '#proxy/process/shutdown.ts';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';
import { exampleRequests, routeLines } from './start-lines.ts';

const root = join(import.meta.dirname, '..');
const proxies = 2;

export interface StartOptions {
  readonly files: string;
  readonly echoPorts: readonly number[];
  readonly print: (text: string) => void;
}

/** A port that is needed belongs to another process. The message says what to do. */
export class PortTaken extends Error {}

if (import.meta.main) {
  using shutdown = onShutdown(() => process.exit(1));
  const files = process.argv[2] ?? join(root, 'config', 'samples');
  try {
    await start({ files, echoPorts: [9001, 9002, 9003], print: console.log }, shutdown.signal);
  } catch (error) {
    console.error(error instanceof PortTaken ? error.message : error);
    process.exitCode = 1;
  }
}

/** Resolves when `signal` was aborted and everything has ended; rejects when it cannot start or a proxy ends. */
export async function start({ files, echoPorts, print }: StartOptions, signal: AbortSignal): Promise<void> {
  await using run = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'easegress-start-'));
  run.defer(() => rm(dir, { recursive: true, force: true }));
  for (const [index, port] of echoPorts.entries()) {
    await checkFree(port, `echo upstream ${index + 1} would listen on it; end the process that has it`);
    run.use(await startEchoUpstream(`echo-${index + 1}`, port));
  }
  const flags = ['--files', files, '--state-dir', join(dir, 'operator'), '--listen', '127.0.0.1:0'];
  const settings = readOperatorSettings([...flags, '--admin', '127.0.0.1:0', '--debug-port', '0'], {});
  const printStatus = (line: string): void => {
    // At the start and at the end that no proxy is connected is no news.
    if (!line.includes('(NoProxy)')) print(line);
  };
  const log = createLogger({ level: 'warn', format: 'text' });
  const operator = run.use(await startOperator(settings, { log, print: printStatus }));

  const ports = listenerPorts(operator);
  for (const port of ports) {
    for (let n = 1; n <= proxies; n++) {
      const hint = `proxy ${n} would listen on it; end the process that has it, or change \`port: ${port}\` in ${relative(process.cwd(), files)}`;
      await checkFree(port + offset(n), hint);
    }
  }
  const children: Child[] = [];
  for (let n = 1; n <= proxies; n++) children.push(run.use(await startProxy({ n, operator, dir, print })));
  await Promise.race([Promise.all(children.map((child) => ready(child, signal))), aborted(signal)]);
  if (!signal.aborted) print(welcome(operator, children, relative(process.cwd(), files)));

  const lost = children.map(async (child) => {
    await child.ended;
    if (!signal.aborted) throw new Error(`${child.name} has ended; see its messages above`);
  });
  await Promise.race([aborted(signal), ...lost]);
  print('\nending …');
  void Promise.allSettled(lost);
}

interface Child extends AsyncDisposable {
  readonly name: string;
  readonly adminPort: number;
  readonly debugPort: number;
  readonly ended: Promise<unknown>;
}

interface ProxyParts {
  readonly n: number;
  readonly operator: Operator;
  readonly dir: string;
  readonly print: (text: string) => void;
}

async function startProxy({ n, operator, dir, print }: ProxyParts): Promise<Child> {
  const name = `proxy-${n}`;
  const [adminPort, debugPort] = [await freePort(), await freePort()];
  const operatorDir = join(dir, 'operator');
  const flags = {
    name,
    operator: `127.0.0.1:${operator.push.port}`,
    'ca-file': join(operatorDir, 'ca.pem'),
    'token-file': join(operatorDir, 'token'),
    'state-dir': join(dir, name),
    'port-offset': String(offset(n)),
    threads: '1',
    admin: `127.0.0.1:${adminPort}`,
    'debug-port': String(debugPort),
    'log-level': 'warn',
    'log-format': 'text',
    grace: '0s',
    deadline: '2s',
  };
  const argv = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  // A group of its own: Ctrl-C reaches this process alone, which then ends the others in order.
  const child = spawn(process.execPath, [join(root, 'operator', 'cli.ts'), 'proxy', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = once(child, 'exit');
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => print(`${name}  ${line}`));
  }
  const net = (): void => endNow(child);
  process.on('exit', net);
  return {
    name,
    adminPort,
    debugPort,
    ended,
    async [Symbol.asyncDispose]() {
      process.off('exit', net);
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      process.kill(child.pid, 'SIGTERM');
      const late = setTimeout(() => endNow(child), 6_000);
      await ended;
      clearTimeout(late);
    },
  };
}

function endNow(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
}

/** Until the proxy serves what the operator sent. */
async function ready(child: Child, signal: AbortSignal): Promise<void> {
  let over = false;
  void child.ended.then(() => (over = true));
  while (!signal.aborted) {
    if (over) throw new Error(`${child.name} has ended; see its messages above`);
    const answer = await fetch(`http://127.0.0.1:${child.adminPort}/readyz`).catch(() => null);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function welcome(operator: Operator, children: readonly Child[], files: string): string {
  const units = [...operator.control.compiler.units().values()].map(({ unit }) => unit);
  const offsets = children.map((_, index) => offset(index + 1));
  return [
    '',
    `serving ${files === '' ? '.' : files}, edit a file there and the answers change:`,
    ...routeLines(units, offsets).map((line) => `  ${line}`),
    '',
    'try:',
    ...exampleRequests(units, offsets).map((line) => `  ${line}`),
    '',
    `operator pages: http://127.0.0.1:${operator.debugPort}/debug`,
    ...children.map(({ name, debugPort }) => `${name} pages:  http://127.0.0.1:${debugPort}/debug`),
    'Ctrl-C ends it',
    '',
  ].join('\n');
}

function listenerPorts(operator: Operator): Set<number> {
  const ports = new Set<number>();
  for (const { unit } of operator.control.compiler.units().values()) {
    if (unit.kind === 'listener') ports.add(unit.content.port);
  }
  return ports;
}

function offset(n: number): number {
  return 10_000 * (n - 1);
}

async function checkFree(port: number, hint: string): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new PortTaken(`port ${port} is in use: ${hint}`, { cause: error });
    }
    throw error;
  }
}

function freePort(): Promise<number> {
  return listenOnce(0);
}

/** Binds the port, frees it again and returns its number. */
async function listenOnce(port: number): Promise<number> {
  const server = createServer().listen(port, port === 0 ? '127.0.0.1' : '::');
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return bound;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
