// `npm run bench -- propagation`: how long one change takes from the file to the first new answer, and what it costs,
// through a real operator and a real proxy; then what a restarted operator sends to 20 sessions.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet, until, type Member } from '#test/support/fleet.ts';
import { median } from './bars.ts';
import { freePort, memoryMb } from './processes.ts';
import { startRelay } from './relay.ts';
import { restartBytes } from './restart.ts';
import { objects, paths, rules, type World } from './worlds.ts';

interface Figures {
  readonly title: string;
  readonly routes: number;
  readonly startSeconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMs: number;
  readonly bytes: number;
  readonly steadyP50Ms: number;
  readonly operatorMb: number;
  readonly proxyMb: number;
}

export interface PropagationOptions {
  readonly short: boolean;
  readonly check: boolean;
  readonly write: string;
}

export async function runPropagation({ short, check, write }: PropagationOptions): Promise<number> {
  const worlds = short
    ? [objects(100), objects(2000)]
    : [objects(100), objects(1000), objects(10_000), paths(10_000), rules(500)];
  const figures: Figures[] = [];
  for (const world of worlds) {
    console.log(`propagation: ${world.title}`);
    figures.push(await measure(world, short ? 20 : 50));
  }
  const restart = await restartBytes(short ? 1000 : 10_000, short ? 5 : 20);
  const verdicts = judge(figures, restart, short);
  const text = render(figures, restart, verdicts);
  console.log(text);
  if (write !== '') replaceSection(write, text);
  return check && verdicts.some(([, , , passed]) => !passed) ? 1 : 0;
}

async function measure(world: World, changes: number): Promise<Figures> {
  const dir = mkdtempSync(path.join(tmpdir(), 'propagation-'));
  try {
    await using fleet = new Fleet({ dir, threads: 1, core: null });
    const port = await freePort();
    world.create(fleet.manifests, port);
    const began = performance.now();
    const operator = await fleet.startOperator();
    await using relay = await startRelay(fleet.operatorPort);
    const proxy = await fleet.startProxy(1, relay.port);
    await using client = await openClient(port);
    await until(
      'the last route answers',
      async () => (await client.ask(world.address(world.routes - 1))) === 'red',
      120,
    );
    const startSeconds = (performance.now() - began) / 1000;
    await sleep(3000);

    const idle = await cpuOver([operator, proxy], () => sleep(2000));
    const before = relay.counts.down;
    const latencies: number[] = [];
    const busy = await cpuOver([operator, proxy], async () => {
      for (let n = 0; n < changes; n++) {
        latencies.push(await change(world, fleet.manifests, port, { n, client }));
        await sleep(60);
      }
    });
    const bytes = (relay.counts.down - before) / changes;
    const steady = await steadily(world, fleet.manifests, port, client);
    return {
      title: world.title,
      routes: world.routes,
      startSeconds,
      p50Ms: median(latencies),
      p99Ms: latencies.toSorted((a, b) => a - b).at(Math.ceil(latencies.length * 0.99) - 1) ?? Number.NaN,
      // Less what the processes use when nothing changes (timers, the polling of this bench's own requests is in it).
      cpuMs: Math.max(0, busy.cpuMs - idle.cpuMs * (busy.wallMs / idle.wallMs)) / changes,
      bytes,
      steadyP50Ms: median(steady),
      operatorMb: memoryMb(operator.pid),
      proxyMb: memoryMb(proxy.pid),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** One change at a time: from the rename of the file to the first new answer, in milliseconds. */
async function change(
  world: World,
  folder: string,
  port: number,
  { n, client }: { n: number; client: Client },
): Promise<number> {
  const i = (n * 7919 + 13) % world.routes;
  const color = n % 2 === 0 ? 'blue' : 'red';
  const old = await client.ask(world.address(i));
  const wanted = old === color ? (color === 'blue' ? 'red' : 'blue') : color;
  world.change(folder, port, i, wanted);
  const began = performance.now();
  await untilAnswer(client, world.address(i), wanted);
  return performance.now() - began;
}

/** 50 changes a second for four seconds; the lag of every tenth is measured. */
async function steadily(world: World, folder: string, port: number, client: Client): Promise<number[]> {
  const latencies: number[] = [];
  let next = performance.now();
  for (let n = 0; n < 200; n++) {
    const i = (n * 104_729 + 7) % world.routes;
    const wanted = (await client.ask(world.address(i))) === 'red' ? 'blue' : 'red';
    world.change(folder, port, i, wanted);
    if (n % 10 === 0) {
      const began = performance.now();
      await untilAnswer(client, world.address(i), wanted);
      latencies.push(performance.now() - began);
    }
    next += 20;
    await sleep(Math.max(0, next - performance.now()));
  }
  return latencies;
}

async function untilAnswer(client: Client, address: { host: string; path: string }, wanted: string): Promise<void> {
  const end = performance.now() + 30_000;
  while ((await client.ask(address)) !== wanted) {
    if (performance.now() > end)
      throw new Error(`${address.host}${address.path} did not change to ${wanted} within 30 s`);
    await sleep(1);
  }
}

interface Client extends AsyncDisposable {
  ask(address: { host: string; path: string }): Promise<string>;
}

/** One keep-alive connection; answers are small, so a head and its body come in one piece or two. */
async function openClient(port: number): Promise<Client> {
  let waiting: ((body: string) => void) | null = null;
  let text = '';
  let socket: Socket | null = null;
  const open = async (): Promise<Socket> => {
    await until(
      'the listener accepts',
      () =>
        new Promise<boolean>((resolve) => {
          const attempt = connect(port, '127.0.0.1');
          attempt.once('error', () => resolve(false));
          attempt.once('connect', () => {
            socket = attempt;
            resolve(true);
          });
        }),
      120,
    );
    if (socket === null) throw new Error('no connection');
    socket.on('data', (data) => {
      text += data.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (head === -1 || text.length < head + 4 + length) return;
      const body = text.slice(head + 4);
      text = '';
      waiting?.(body);
    });
    socket.on('close', () => {
      socket = null;
      text = '';
      waiting?.('');
    });
    socket.on('error', () => undefined);
    return socket;
  };
  return {
    async ask({ host, path: target }) {
      const current = socket ?? (await open());
      return new Promise((resolve) => {
        waiting = resolve;
        current.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      socket?.destroy();
    },
  };
}

async function cpuOver(
  members: readonly Member[],
  work: () => Promise<unknown>,
): Promise<{ cpuMs: number; wallMs: number }> {
  const begin = performance.now();
  const before = members.reduce((sum, member) => sum + cpuNanos(member.pid), 0);
  await work();
  const after = members.reduce((sum, member) => sum + cpuNanos(member.pid), 0);
  return { cpuMs: (after - before) / 1e6, wallMs: performance.now() - begin };
}

/** Time on a core of all threads of one process; finer than the ticks of /proc/PID/stat. */
function cpuNanos(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const [nanos = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
    return sum + Number(nanos);
  }, 0);
}

type Verdict = readonly [what: string, bar: string, value: string, passed: boolean];

function judge(figures: readonly Figures[], restart: { full: number; again: number }, short: boolean): Verdict[] {
  const objectWorlds = figures.filter(({ title }) => title.endsWith('objects'));
  const small = objectWorlds[0];
  const large = objectWorlds.at(-1);
  if (small === undefined || large === undefined) return [];
  const slack = short ? 3 : 1;
  const cpuRatio = large.cpuMs / small.cpuMs;
  const share = (restart.again / restart.full) * 100;
  return [
    [
      `one change among ${large.routes} objects, p50`,
      `< ${100 * slack} ms`,
      `${large.p50Ms.toFixed(1)} ms`,
      large.p50Ms < 100 * slack,
    ],
    [`CPU of it / among ${small.routes}`, `≤ ${3 * slack}`, cpuRatio.toFixed(2), cpuRatio <= 3 * slack],
    ['bytes pushed for it', '< 64 KiB', `${(large.bytes / 1024).toFixed(1)} KiB`, large.bytes < 65_536],
    ['operator restarted: share of the full bytes', '< 5 %', `${share.toFixed(2)} %`, share < 5],
  ];
}

function render(
  figures: readonly Figures[],
  restart: { full: number; again: number; sessions: number; routes: number },
  verdicts: readonly Verdict[],
): string {
  const lines = figures.map((f) => {
    const cells = [
      f.title,
      `${f.startSeconds.toFixed(1)} s`,
      `${f.p50Ms.toFixed(1)}`,
      f.p99Ms.toFixed(1),
      f.steadyP50Ms.toFixed(1),
      f.cpuMs.toFixed(1),
      (f.bytes / 1024).toFixed(1),
      f.operatorMb.toFixed(0),
      f.proxyMb.toFixed(0),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| routes | start to last answer | one change p50 ms | p99 ms | at 50 changes/s, p50 ms | CPU ms per change | KiB pushed | operator MB | proxy MB |',
    '|---|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
    `Operator restarted under ${restart.sessions} sessions with ${restart.routes} routes: ${(restart.full / 1024).toFixed(0)} KiB at first, ${(restart.again / 1024).toFixed(0)} KiB after the restart.`,
    '',
    '| number | bar | value | verdict |',
    '|---|---|---|---|',
    ...verdicts.map(([what, bar, value, passed]) => `| ${what} | ${bar} | ${value} | ${passed ? 'PASS' : 'FAIL'} |`),
  ].join('\n');
}

function replaceSection(file: string, text: string): void {
  const begin = '<!-- propagation:begin -->';
  const end = '<!-- propagation:end -->';
  const old = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    `${old.slice(0, old.indexOf(begin) + begin.length)}\n\n${text}\n\n${old.slice(old.indexOf(end))}`,
  );
}
