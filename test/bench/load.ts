// The load generators: wrk for rounds (closed loop, fixed time), h2load for exact counts. Both run on core 0 beside
// the back end; the gateway under test has core 1 to itself.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostNames } from './peers/peer.ts';

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx. */
  readonly unexpected: number;
  readonly socketErrors: number;
}

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Requests go to these hosts in turn; 0 = the address itself. */
  readonly hosts: number;
  readonly dir: string;
}

export async function wrk({ port, path: target, connections, seconds, hosts, dir }: Load): Promise<LoadResult> {
  const script = hosts === 0 ? [] : ['-s', hostScript(dir, hosts, target)];
  const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '20s', '--latency', ...script];
  return parseWrk(await run(['wrk', ...args, `http://127.0.0.1:${port}${target}`]));
}

/** Sends exactly `count` requests; resolves to how many were answered 2xx. */
export async function exactly(count: number, port: number, target: string, host: string): Promise<number> {
  const headers = host === '' ? [] : ['-H', `:authority: ${host}`];
  const args = ['--h1', '-n', String(count), '-c', '32', '-t', '1', ...headers];
  const text = await run(['h2load', ...args, `http://127.0.0.1:${port}${target}`]);
  return Number(/status codes: (\d+) 2xx/.exec(text)?.[1] ?? 0);
}

function parseWrk(text: string): LoadResult {
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  return {
    requests: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? 0),
    p50Ms: toMs(/50%\s+([\d.]+\w+)/.exec(text)?.[1]),
    p99Ms: toMs(/99%\s+([\d.]+\w+)/.exec(text)?.[1]),
    unexpected: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    socketErrors: (errors?.slice(1) ?? []).reduce((sum, value) => sum + Number(value), 0),
  };
}

function toMs(text: string | undefined): number {
  const value = Number.parseFloat(text ?? '');
  if (text === undefined || Number.isNaN(value)) return Number.NaN;
  if (text.endsWith('us')) return value / 1000;
  return text.endsWith('ms') ? value : value * 1000;
}

function hostScript(dir: string, hosts: number, target: string): string {
  const file = path.join(dir, 'hosts.lua');
  const names = hostNames(hosts).map((name) => `"${name}"`);
  writeFileSync(
    file,
    `local hosts = { ${names.join(', ')} }
local requests, turn = {}, 0
function init()
  for i, host in ipairs(hosts) do requests[i] = wrk.format("GET", "${target}", { Host = host }) end
end
function request()
  turn = turn * 1103515245 % 2147483648 + 12345
  return requests[turn % #requests + 1]
end
`,
  );
  return file;
}

function run(command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('taskset', ['-c', '0', ...command], { timeout: 120_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command[0]}: ${error.message}\n${stderr}`));
    });
  });
}
