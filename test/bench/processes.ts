// Processes of the bench: pinned to a core, measured through /proc, ended by their pid.

import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
}

/** Starts `command` on one core and resolves when `port` accepts. */
export async function startPinned(command: readonly string[], core: number, port: number): Promise<Running> {
  const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'ignore', 'inherit'] });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`cannot start ${command.join(' ')}`);
  const running: Running = { pid, child, [Symbol.asyncDispose]: () => endProcess(child) };
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${command.join(' ')}`);
    if (await accepts(port)) return running;
    await sleep(50);
  }
  await endProcess(child);
  throw new Error(`nothing listens on ${port} after 30 s: ${command.join(' ')}`);
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([closed, sleep(8000)]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await closed;
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const ticksPerSecond = 100;

/** User and system time of a process and its descendants, in microseconds. */
export function cpuMicros(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + ticks(member), 0) * (1e6 / ticksPerSecond);
}

/** Proportional set size of a process and its descendants, in MB. */
export function memoryMb(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + pssKb(member), 0) / 1024;
}

function familyOf(pid: number): number[] {
  const family = [pid];
  for (const member of family) {
    for (const task of list(`/proc/${member}/task`)) {
      const children = read(`/proc/${member}/task/${task}/children`);
      family.push(
        ...children
          .split(' ')
          .filter((text) => text !== '')
          .map(Number),
      );
    }
  }
  return family;
}

function ticks(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
}

function pssKb(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the process or thread has ended meanwhile
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
