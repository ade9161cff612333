// The rows of the bench: what is asked, by how many connections, and what must hold for a round to count.

import { createReadStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodies } from './origin.ts';
import { exactly, wrk, type LoadResult } from './load.ts';
import { forwardedHeaders } from './forwarded.ts';
import { cpuMicros, freePort, memoryMb, startPinned, type Running } from './processes.ts';
import type { Peer } from './peers/peer.ts';

export interface Row {
  readonly name: string;
  readonly title: string;
  readonly path: '/' | '/64k';
  readonly connections: number;
  readonly hosts: number;
}

export const rows: readonly Row[] = [
  { name: 'base', title: '64 connections, one route, 110-byte answers', path: '/', connections: 64, hosts: 0 },
  { name: 'hosts', title: '64 connections, 1,000 hosts', path: '/', connections: 64, hosts: 1000 },
  { name: 'large', title: '64 connections, 64 KiB answers', path: '/64k', connections: 64, hosts: 0 },
  { name: 'crowd', title: '1,000 connections, 110-byte answers', path: '/', connections: 1000, hosts: 0 },
];

export interface Round {
  readonly cpuPerRequest: number;
  readonly load: LoadResult;
}

export interface RowResult {
  readonly row: Row;
  readonly rounds: ReadonlyMap<string, readonly Round[]>;
  /** PSS in MB after the load. */
  readonly memoryAfter: ReadonlyMap<string, number>;
  /** Conditions that did not hold: the row does not count. */
  readonly faults: readonly string[];
}

export interface RunOptions {
  readonly dir: string;
  readonly originPort: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly Peer[];
}

interface Contestant {
  readonly peer: Peer;
  readonly port: number;
  readonly logFile: string;
  readonly adminPort: number;
  readonly running: Running;
}

const exactCount = 5000;

/** All gateways are up at once and asked in turn, so that a noisy minute hits all of them. */
export async function runRow(row: Row, options: RunOptions): Promise<RowResult> {
  await using stack = new AsyncDisposableStack();
  const faults: string[] = [];
  const rounds = new Map<string, Round[]>(options.peers.map((peer) => [peer.name, []]));
  const contestants: Contestant[] = [];
  for (const peer of options.peers) contestants.push(await start(peer, row, options, stack));
  for (const contestant of contestants) await ask(contestant, row, options, 1); // warm up, not counted
  for (let round = 0; round < options.rounds; round++) {
    for (const contestant of contestants) {
      const result = await ask(contestant, row, options, options.seconds);
      const { unexpected, socketErrors } = result.load;
      const name = contestant.peer.name;
      if (unexpected > 0) faults.push(`${row.name}: ${name} gave ${unexpected} unexpected answers`);
      if (socketErrors > 0) faults.push(`${row.name}: ${name} had ${socketErrors} socket errors`);
      rounds.get(name)?.push(result);
    }
  }
  const memoryAfter = new Map(contestants.map(({ peer, running }) => [peer.name, memoryMb(running.pid)]));
  for (const contestant of contestants) faults.push(...(await checkExactness(contestant, row)));
  faults.push(...(await checkHeaders(contestants, row, options)));
  return { row, rounds, memoryAfter, faults };
}

async function start(peer: Peer, row: Row, options: RunOptions, stack: AsyncDisposableStack): Promise<Contestant> {
  const dir = path.join(options.dir, peer.name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const logFile = path.join(dir, 'access.log');
  const adminPort = await freePort();
  const command = peer.prepare({ dir, port, upstreamPort: options.originPort, hosts: row.hosts, logFile, adminPort });
  return { peer, port, logFile, adminPort, running: stack.use(await startPinned(command, 1, port)) };
}

async function ask({ port, running }: Contestant, row: Row, options: RunOptions, seconds: number): Promise<Round> {
  const before = cpuMicros(running.pid);
  const load = await wrk({
    port,
    seconds,
    dir: options.dir,
    path: row.path,
    connections: row.connections,
    hosts: row.hosts,
  });
  return { load, cpuPerRequest: (cpuMicros(running.pid) - before) / load.requests };
}

/** Exactly n requests make exactly n log lines (and with us n in the metrics), all 2xx, and the body is the origin's. */
async function checkExactness({ peer, port, logFile, adminPort }: Contestant, row: Row): Promise<string[]> {
  const faults: string[] = [];
  const host = row.hosts === 0 ? '' : 'h7.test';
  await settled(logFile);
  const before = await lineCount(logFile);
  const countedBefore = peer.metrics === true ? await requestsCounted(adminPort) : 0;
  const answered = await exactly(exactCount, port, row.path, host);
  if (answered !== exactCount) faults.push(`${row.name}: ${peer.name} answered ${answered} of ${exactCount} with 2xx`);
  await settled(logFile);
  const logged = (await lineCount(logFile)) - before;
  if (logged !== exactCount) faults.push(`${row.name}: ${peer.name} logged ${logged} lines for ${exactCount} requests`);
  if (peer.metrics === true) {
    const counted = (await requestsCounted(adminPort)) - countedBefore;
    if (counted !== exactCount) faults.push(`${row.name}: ${peer.name} counted ${counted} of ${exactCount} requests`);
  }
  const response = await fetch(`http://127.0.0.1:${port}${row.path}`, host === '' ? {} : { headers: { host } });
  const body = Buffer.from(await response.arrayBuffer());
  // fetch may not set Host; with 1,000 hosts the exact requests above have already shown the route.
  if (host === '' && !body.equals(bodies[row.path] ?? body)) faults.push(`${row.name}: ${peer.name} changed the body`);
  return faults;
}

/** Requests of all listeners on the metrics page. */
async function requestsCounted(adminPort: number): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const lines = [...page.matchAll(/^easegress_http_requests_total\{[^}]*\} (\d+)$/gm)];
  return lines.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Every end-to-end field of a request arrives at the origin as it was sent, whoever forwards it. */
async function checkHeaders(contestants: readonly Contestant[], row: Row, options: RunOptions): Promise<string[]> {
  if (row.name !== 'base') return [];
  const faults: string[] = [];
  for (const { peer } of contestants) {
    const differences = await forwardedHeaders(peer, options.dir);
    faults.push(...differences.map((difference) => `${row.name}: ${peer.name} forwarded ${difference}`));
  }
  return faults;
}

/** Waits until the file has stopped growing: the gateways write their logs in batches. */
async function settled(file: string): Promise<void> {
  let size = -1;
  for (let tries = 0; tries < 40; tries++) {
    const now = existsSync(file) ? await lineCount(file) : 0;
    if (now === size) return;
    size = now;
    await sleep(1300);
  }
}

async function lineCount(file: string): Promise<number> {
  if (!existsSync(file)) return 0;
  let lines = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
  }
  return lines;
}
