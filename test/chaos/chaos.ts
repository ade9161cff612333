// `npm run chaos -- --swaps 1000`: mixed load through a real operator and proxy while their configuration is swapped
// under it. With `--kills` the operator is killed, a data thread is crashed, and the proxy is restarted from disk while
// the operator is dead. Prints one JSON line; fails unless every request that was sent was answered right, memory is
// flat and nothing is left open.
//
//   swaps:  |····|────────────────────|   memory is compared between one fifth of the way and the end
//   kills:       operator  thread  proxy from disk  operator back

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '#test/bench/processes.ts';
import { debugPage, Fleet, until, type Member } from '#test/support/fleet.ts';
import { runLoad, type Tally } from './load.ts';
import { writeManifests, type ChaosWorld } from './manifests.ts';
import { startChaosOrigin } from './origin.ts';

const { values } = parseArgs({
  options: {
    swaps: { type: 'string', default: '1000' },
    kills: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
  },
});

interface Probe {
  readonly rss: number;
  readonly heapUsed: number;
  readonly resources: Readonly<Record<string, number>>;
}

const longRun = 1000;
const swaps = Number(values.swaps);
const dir = mkdtempSync(path.join(tmpdir(), 'chaos-'));
try {
  process.exitCode = await main();
} finally {
  if (!values.keep) rmSync(dir, { recursive: true, force: true });
  else console.log(`kept ${dir}`);
}

async function main(): Promise<number> {
  await using one = await startChaosOrigin();
  await using two = await startChaosOrigin();
  await using fleet = new Fleet({ dir, threads: Number(values.threads), core: null, nodeFlags: ['--expose-gc'] });
  const world: ChaosWorld = { folder: fleet.manifests, port: await freePort(), origins: [one.port, two.port] };
  writeManifests(world, 0);
  let operator = await fleet.startOperator();
  let proxy = await fleet.startProxy(1);
  await until('the route answers', async () => (await ask(world.port)) === 200);

  const before = await probe(proxy);
  let forgiving = false;
  const load = new AbortController();
  const running = runLoad({
    port: world.port,
    keepAlive: 64,
    perRequest: 64,
    webSockets: 16,
    downloads: 4,
    pauseMs: 40,
    signal: load.signal,
    forgiving: () => forgiving,
  });

  let early: Probe | null = null;
  for (let swap = 1; swap <= swaps; swap++) {
    writeManifests(world, swap);
    await sleep(30);
    if (swap === Math.ceil(swaps / 5)) early = await probe(proxy);
  }
  const late = await probe(proxy);
  const steps: string[] = [];

  if (values.kills) {
    await fleet.stop(operator, 'SIGKILL');
    await sleep(1500);
    steps.push('operator killed: traffic went on');

    forgiving = true; // connections of the crashed thread, and of the killed proxy, are cut: those are not counted
    const answer = await fetch(`http://127.0.0.1:${proxy.debugPort}/debug/crash-thread`, { method: 'POST' });
    if (!answer.ok) throw new Error(`a thread could not be crashed: ${answer.status}`);
    await sleep(1500);
    forgiving = false;
    await sleep(1500);
    steps.push('data thread crashed: started again');

    forgiving = true;
    await fleet.stop(proxy, 'SIGKILL');
    proxy = await fleet.startProxy(1);
    await sleep(500);
    forgiving = false;
    await sleep(1500);
    steps.push('proxy killed and restarted from disk, operator dead: serves');

    operator = await fleet.startOperator();
    writeManifests(world, swaps + 1);
    await until(
      'the new operator is heard',
      async () => (await askPath(world.port, `/mocked-${Math.floor((swaps + 2) / 3)}`)) === 'mocked',
    );
    steps.push('operator back: a change arrives');
  }

  load.abort();
  const tallies = await running;
  await sleep(3000);
  const rest = await probe(proxy);
  const code = await fleet.stop(proxy);
  await fleet.stop(operator);
  return report({ tallies, before, early, late, rest, steps, code });
}

interface Outcome {
  readonly tallies: Record<string, Tally>;
  /** Before the load. */
  readonly before: Probe;
  readonly early: Probe | null;
  readonly late: Probe;
  /** After the load has ended. */
  readonly rest: Probe;
  readonly steps: readonly string[];
  readonly code: number | null;
}

function report({ tallies, before, early, late, rest, steps, code }: Outcome): number {
  const total = { sent: 0, ok: 0, reset: 0, wrong: 0 };
  for (const tally of Object.values(tallies)) {
    for (const key of ['sent', 'ok', 'reset', 'wrong'] as const) total[key] += tally[key];
  }
  const growth = early === null ? 1 : late.rss / early.rss;
  const heapGrowth = early === null ? 1 : late.heapUsed / early.heapUsed;
  const problems: string[] = [];
  if (total.sent === 0) problems.push('nothing was sent');
  if (total.ok !== total.sent) problems.push('not every request was answered right');
  // A process that has served for less than a minute still takes memory for code and young objects; until then it is
  // the heap after a collection that shows a leak.
  if (growth > (swaps >= longRun ? 1.1 : 1.35)) problems.push(`memory grew by ${percentOf(growth)} %`);
  if (heapGrowth > 1.1) problems.push(`the heap grew by ${percentOf(heapGrowth)} %`);
  for (const [kind, count] of Object.entries(rest.resources)) {
    // Idle connections to the two origins stay for a while, with a timer for each queue that they wait in; everything
    // else is as it was before the load.
    const spare = kind === 'Timeout' ? 8 : 2;
    const most = kind === 'TCPSocketWrap' ? 600 : (before.resources[kind] ?? 0) + spare;
    if (count > most) problems.push(`${count} ${kind} are open at rest, ${before.resources[kind] ?? 0} were before`);
  }
  if (code !== 0) problems.push(`the proxy ended with ${code}`);
  console.log(
    JSON.stringify({
      swaps,
      ...total,
      rssMb: [early?.rss, late.rss].map(mb),
      growth: Number(growth.toFixed(3)),
      heapGrowth: Number(heapGrowth.toFixed(3)),
      atRest: rest.resources,
      steps,
      problems,
    }),
  );
  for (const [kind, tally] of Object.entries(tallies)) {
    console.log(`${kind}: ${tally.ok} of ${tally.sent}`);
    for (const fault of tally.faults) console.log(`  ${fault}`);
  }
  return problems.length === 0 ? 0 : 1;
}

function percentOf(growth: number): string {
  return ((growth - 1) * 100).toFixed(0);
}

function mb(bytes: number | undefined): number {
  return Math.round((bytes ?? 0) / 1024 / 1024);
}

/** Memory after a forced collection in main and every data thread, and what is open. */
function probe(member: Member): Promise<Probe> {
  return debugPage<Probe>(member, 'memory');
}

async function ask(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/k/1`).catch(() => null);
  await response?.arrayBuffer();
  return response?.status ?? 0;
}

async function askPath(port: number, target: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`).catch(() => null);
  return (await response?.text()) ?? '';
}
