// An operator and its proxies as real processes over a folder of manifests, for the runs that kill and restart them.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts, freePort } from '#test/bench/processes.ts';

const cli = path.join(import.meta.dirname, '..', '..', 'operator', 'cli.ts');

export interface FleetOptions {
  /** Scratch folder; manifests are in its `manifests`. */
  readonly dir: string;
  readonly threads: number;
  /** Pins a process to a core; null = any. */
  readonly core: number | null;
  readonly nodeFlags?: readonly string[];
}

export interface Member {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly adminPort: number;
  readonly debugPort: number;
}

export class Fleet {
  readonly manifests: string;
  private readonly options: FleetOptions;
  private readonly members = new Set<ChildProcess>();
  private pushPort = 0;

  constructor(options: FleetOptions) {
    this.options = options;
    this.manifests = path.join(options.dir, 'manifests');
    mkdirSync(this.manifests, { recursive: true });
  }

  async startOperator(): Promise<Member> {
    if (this.pushPort === 0) this.pushPort = await freePort();
    const dir = path.join(this.options.dir, 'operator');
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const member = await this.start('operator', [
      'operator',
      '--files',
      this.manifests,
      '--listen',
      `127.0.0.1:${this.pushPort}`,
      '--state-dir',
      dir,
    ]);
    await until('the operator listens', () => accepts(this.pushPort));
    return member;
  }

  /** Proxy `n` listens on the objects' ports plus 10,000·(n−1) and keeps its units in a folder of its own. */
  async startProxy(n: number, via = this.pushPort): Promise<Member> {
    const dir = path.join(this.options.dir, `proxy-${n}`);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const operatorDir = path.join(this.options.dir, 'operator');
    const member = await this.start(`proxy-${n}`, [
      'proxy',
      '--name',
      `proxy-${n}`,
      '--state-dir',
      dir,
      '--threads',
      String(this.options.threads),
      '--operator',
      `127.0.0.1:${via}`,
      '--ca-file',
      path.join(operatorDir, 'ca.pem'),
      '--token-file',
      path.join(operatorDir, 'token'),
      '--access-log',
      path.join(dir, 'access.log'),
      '--port-offset',
      String((n - 1) * 10_000),
      '--grace',
      '1s',
      '--deadline',
      '20s',
    ]);
    await until('the proxy is ready', async () => {
      const response = await fetch(`http://127.0.0.1:${member.adminPort}/readyz`).catch(() => null);
      return response?.status === 200;
    });
    return member;
  }

  private async start(name: string, args: readonly string[]): Promise<Member> {
    const [adminPort, debugPort] = [await freePort(), await freePort()];
    const { dir, core, nodeFlags = [] } = this.options;
    const log = openSync(path.join(dir, `${name}.log`), 'a');
    const ports = ['--admin', `127.0.0.1:${adminPort}`, '--debug-port', String(debugPort)];
    const node = [process.execPath, ...nodeFlags, cli, ...args, ...ports];
    const [command = '', ...rest] = core === null ? node : ['taskset', '-c', String(core), ...node];
    const child = spawn(command, rest, { stdio: ['ignore', log, log] });
    this.members.add(child);
    child.once('exit', () => this.members.delete(child));
    if (child.pid === undefined) throw new Error(`cannot start ${name}`);
    return { child, pid: child.pid, adminPort, debugPort };
  }

  /** Ends one member and waits for it. */
  async stop({ child }: Member, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const code = await Promise.race([closed, sleep(40_000, 'late' as const)]);
    if (code !== 'late') return code;
    child.kill('SIGKILL');
    throw new Error('a process did not end within 40 s of its signal');
  }

  get operatorPort(): number {
    return this.pushPort;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const members = [...this.members];
    for (const child of members) child.kill('SIGKILL');
    const alive = members.filter((child) => child.exitCode === null);
    await Promise.all(alive.map((child) => new Promise((resolve) => child.once('exit', resolve))));
  }
}

/** Polls until `holds`; throws after 30 s with what was waited for. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`waited ${seconds} s until ${what}`);
}

/** Writes what a debug page says as JSON. */
export async function debugPage<T>(member: Member, page: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${member.debugPort}/debug/${page}`);
  if (!response.ok) throw new Error(`/debug/${page}: ${response.status}`);
  return (await response.json()) as T;
}
