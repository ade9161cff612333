import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Rejection, UnitChange, WireUnit } from '#proxy/contract/messages.ts';
import { logTo } from '#proxy/process/log.ts';
import { SeriesTable } from '#proxy/process/series-table.ts';
import { loadUnits } from '#proxy/sources/disk.ts';
import type { ApplyResult } from '#proxy/sources/source.ts';
import { createResolver } from '#proxy/upstream/resolver.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { listenerUnit, upstreamUnit } from '#test/support/units.ts';
import { mockPipeline, wire } from '#test/support/wire-units.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { seriesFamilies } from './series-names.ts';
import type { DataPlane } from './thread-host.ts';
import type { PrepareStep } from './thread-messages.ts';
import { localPort } from './thread-port.ts';
import { ThreadGroup } from './threads.ts';

const log = logTo(() => undefined);
let stateDir = '';
const open: AsyncDisposable[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(path.join(tmpdir(), 'runtime-'));
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  await rm(stateDir, { recursive: true, force: true });
});

/** A runtime over one thread that notes what it is given and rejects what a test names. */
class World {
  readonly clock = new FakeClock();
  readonly steps: PrepareStep[] = [];
  readonly rejects = new Set<string>();
  readonly posted: string[] = [];
  readonly verdicts: ApplyResult[] = [];
  addresses: Record<string, string[]> = {};
  onPrepare: (step: PrepareStep) => Promise<void> = () => Promise.resolve();
  /** A unit that ends the thread in one of the two phases. */
  poison: { hash: string; phase: 'prepare' | 'commit' } | null = null;
  private started: Runtime | null = null;
  private building = 0;

  static async start(dir = ''): Promise<World> {
    const world = new World();
    await world.open(dir);
    return world;
  }

  get runtime(): Runtime {
    if (this.started === null) throw new Error('not started');
    return this.started;
  }

  apply(version: string, upserts: WireUnit[], removes: string[] = []): Promise<ApplyResult> {
    return this.runtime.apply({ version, upserts, removes });
  }

  /** Changes that reached the thread, without the empty one at its start. */
  get changes(): UnitChange[] {
    return this.steps.map(({ change }) => change).filter(({ upserts, removes }) => upserts.length + removes.length > 0);
  }

  private work(step: PrepareStep | undefined, phase: 'prepare' | 'commit'): void {
    const units = step?.change.upserts ?? [];
    const poisoned = this.poison?.phase !== phase ? -1 : units.findIndex(({ hash }) => hash === this.poison?.hash);
    this.building = poisoned + 1;
    if (poisoned >= 0) throw new Error('the unit ends the thread');
  }

  /** Lets threads that ended come back until `result` is there. */
  async comeBack<T>(result: Promise<T>): Promise<T> {
    let over = false;
    void result.finally(() => (over = true)).catch(() => undefined);
    while (!over) {
      this.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return result;
  }

  private plane(): DataPlane {
    return {
      prepare: async (step) => {
        this.steps.push(step);
        await this.onPrepare(step);
        this.work(step, 'prepare');
        const names = step.change.upserts.map(({ name }) => name).filter((name) => this.rejects.has(name));
        return names.map((unit): Rejection => ({ unit, diagnostics: [] }));
      },
      commit: () => this.work(this.steps.at(-1), 'commit'),
      abort: () => undefined,
      live: (change) => void this.posted.push(`live ${change.upserts.map(({ name }) => name).join(',')}`),
      resolved: (names) => void this.posted.push(`resolved ${Object.keys(names).join(',')}`),
      releaseSeries: (names) => void this.posted.push(`release ${names.join(',')}`),
      reopenLog: () => undefined,
      drain: () => Promise.resolve(),
    };
  }

  async open(dir: string): Promise<void> {
    const { now, timer } = this.clock;
    const lookup = (name: string): Promise<string[]> => Promise.resolve(this.addresses[name] ?? []);
    this.started = await createRuntime(
      { stateDir: dir, portOffset: 0, grace: 1000 },
      {
        log,
        now,
        timer,
        series: new SeriesTable(1, { families: seriesFamilies, cap: 100, keepMs: 300_000, now }),
        resolver: (changed) => createResolver({ lookup, timer, changed }),
        threads: (full, memory) =>
          new ThreadGroup({
            count: 1,
            start: () => localPort(() => this.plane()),
            full,
            building: () => this.building,
            log,
            now,
            timer,
            lost: (index) => memory.forgetThread(index),
            fatal: () => undefined,
          }),
      },
    );
    this.started.onVerdict = (result) => void this.verdicts.push(result);
    open.push(this.started);
  }
}

function names(result: ApplyResult): string[] {
  return result.rejected.map(({ unit }) => unit);
}

async function occupy(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  open.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) });
  return { server, port: (server.address() as AddressInfo).port };
}

describe('a change', () => {
  it('reaches the threads only in what is new', async () => {
    const world = await World.start();
    await world.apply('1', [mockPipeline('a', '1'), mockPipeline('b', '1')]);
    await world.apply('2', [mockPipeline('a', '1'), mockPipeline('b', '2')], ['never-there']);
    expect(world.changes[1]).toEqual({ version: '2', upserts: [mockPipeline('b', '2')], removes: [] });
    await world.apply('3', [mockPipeline('a', '1')]);
    expect(world.changes.length).toBe(2);
    expect(world.runtime.table().version).toBe('3');
  });

  it('is merged with others that come while one is applied', async () => {
    const world = await World.start();
    let release: () => void = () => undefined;
    world.onPrepare = () => new Promise((resolve) => (release = resolve));
    const first = world.apply('1', [mockPipeline('a', '1')]);
    while (world.changes.length < 1) await new Promise((resolve) => setImmediate(resolve));
    const rest = [
      world.apply('2', [mockPipeline('b', '2'), mockPipeline('c', '2')]),
      world.apply('3', [mockPipeline('b', '3')], ['a']),
      world.apply('4', [mockPipeline('d', '4')], ['c']),
    ];
    world.onPrepare = () => Promise.resolve();
    release();
    expect((await first).version).toBe('1');
    expect((await Promise.all(rest)).map(({ version }) => version)).toEqual(['4', '4', '4']);
    expect(world.changes[1]).toEqual({
      version: '4',
      upserts: [mockPipeline('b', '3'), mockPipeline('d', '4')],
      removes: ['a'],
    });
    expect(Object.keys(world.runtime.table().entries).toSorted()).toEqual(['b', 'd']);
  });

  it('tells of rejections as long as they stand, and the offered hash in the table', async () => {
    const world = await World.start();
    await world.apply('1', [mockPipeline('a', '1')]);
    world.rejects.add('a');
    expect(names(await world.apply('2', [mockPipeline('a', '2'), mockPipeline('b', '2')]))).toEqual(['a']);
    expect(names(await world.apply('3', [mockPipeline('b', '3')]))).toEqual(['a']);
    expect(world.runtime.table().entries['a']).toBe(mockPipeline('a', '2').hash);
    expect(world.runtime.units.accepted.get('a')).toEqual(mockPipeline('a', '1'));
    expect(names(await world.apply('4', [], ['a']))).toEqual([]);
    expect(world.runtime.units.accepted.has('a')).toBe(false);
  });

  it('is tried twice when it ends a thread, then rejected whole', async () => {
    const world = await World.start();
    await world.apply('1', [mockPipeline('a', '1')]);
    world.onPrepare = async ({ change }) => {
      if (change.version === '2') await world.runtime.threads.kill(0);
      world.clock.advance(1000);
    };
    expect(names(await world.apply('2', [mockPipeline('a', '2')]))).toEqual(['a']);
    expect(world.runtime.units.accepted.get('a')).toEqual(mockPipeline('a', '1'));
  });

  for (const phase of ['prepare', 'commit'] as const) {
    it(`rejects a unit that ends a data thread in ${phase}, and no other; what ran before goes on`, async () => {
      const world = await World.start(stateDir);
      await world.apply('1', [mockPipeline('a', '1'), mockPipeline('b', '1')]);
      const offered = [mockPipeline('a', '2'), mockPipeline('b', '2'), mockPipeline('c', '2')];
      world.poison = { hash: mockPipeline('b', '2').hash, phase };
      expect(names(await world.comeBack(world.apply('2', offered)))).toEqual(['b']);
      expect(world.changes.at(-1)?.upserts).toEqual([offered[0], offered[2], mockPipeline('b', '1')]);
      expect(world.runtime.units.accepted.get('b')).toEqual(mockPipeline('b', '1'));
      await open.pop()?.[Symbol.asyncDispose]();
      const { units } = await loadUnits(stateDir, log);
      expect([...units.values()].map(({ hash }) => hash).toSorted()).toEqual(
        [mockPipeline('a', '2'), mockPipeline('b', '1'), mockPipeline('c', '2')].map(({ hash }) => hash).toSorted(),
      );
    });

    it(`serves from disk without a unit that ends data threads in ${phase}`, async () => {
      const first = await World.start(stateDir);
      await first.apply('1', [mockPipeline('a', '1'), mockPipeline('b', '1'), mockPipeline('c', '1')]);
      await open.pop()?.[Symbol.asyncDispose]();
      const world = new World();
      world.poison = { hash: mockPipeline('b', '1').hash, phase };
      await world.comeBack(world.open(stateDir));
      expect([...world.runtime.units.accepted.keys()].toSorted()).toEqual(['a', 'c']);
      expect([...world.runtime.units.rejected.keys()]).toEqual(['b']);
    });
  }

  it('comes too late when the proxy is ending', async () => {
    const world = await World.start();
    await world.apply('1', [mockPipeline('a', '1')]);
    await world.runtime.drain(0, 0);
    expect((await world.apply('2', [mockPipeline('a', '2')])).version).toBe('1');
    expect(world.changes.length).toBe(1);
  });

  it('brings the addresses of its names along', async () => {
    const world = await World.start();
    world.addresses = { 'a.example': ['192.0.2.1'] };
    const server = { scheme: 'http' as const, port: 80, path: '', weight: -1, keepHost: false, tags: [] };
    const unit = wire(upstreamUnit('upstream/a', null, { servers: [{ ...server, host: 'a.example' }] }));
    await world.apply('1', [unit]);
    expect(world.steps.at(-1)?.resolved).toEqual({ 'a.example': ['192.0.2.1'] });
    world.addresses = { 'a.example': ['192.0.2.2'] };
    world.clock.advance(10_000);
    while (world.posted.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(world.posted).toEqual(['resolved a.example', 'resolved a.example']);
  });

  it('takes counters from a removed unit after five minutes', async () => {
    const world = await World.start();
    await world.apply('1', [mockPipeline('pipeline/a', '1')]);
    await world.apply('2', [], ['pipeline/a']);
    world.clock.advance(299_000);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(world.posted).toEqual([]);
    world.clock.advance(60_000);
    while (world.posted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(world.posted).toEqual(['release pipeline/a']);
  });
});

describe('a listener whose port is taken', () => {
  it('is rejected, leaves the proxy ready, is tried every ten seconds and told when it works', async () => {
    const world = await World.start();
    const { server, port } = await occupy();
    const unit = wire(listenerUnit('listener/a', { address: '127.0.0.1', port }));
    const result = await world.apply('1', [unit, mockPipeline('a', '1')]);
    expect(result.rejected.map((each) => [each.unit, each.diagnostics[0]?.code])).toEqual([
      ['listener/a', 'PortInUse'],
    ]);
    expect(world.runtime.notReady()).toBeNull();
    expect(world.changes[0]?.upserts).toEqual([mockPipeline('a', '1')]);

    world.clock.advance(10_000);
    expect(names(await world.apply('1', []))).toEqual(['listener/a']);

    await new Promise((resolve) => server.close(resolve));
    world.clock.advance(10_000);
    while (world.verdicts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(world.verdicts).toEqual([{ version: '1', rejected: [] }]);
    expect(world.runtime.addressOf('listener/a')?.port).toBe(port);
    expect(world.changes.at(-1)?.upserts).toEqual([unit]);
  });
});

describe('units on disk', () => {
  it('are served after a restart; ready once no operator has answered for five seconds', async () => {
    const first = await World.start(stateDir);
    expect(first.runtime.notReady()).toBe('waiting for an operator');
    await first.apply('1', [mockPipeline('a', '1'), mockPipeline('b', '1')]);
    expect(first.runtime.notReady()).toBeNull();
    await first.runtime[Symbol.asyncDispose]();

    const second = await World.start(stateDir);
    expect(second.changes[0]?.upserts).toEqual([mockPipeline('a', '1'), mockPipeline('b', '1')]);
    expect(second.runtime.table().version).toBe('1');
    expect(second.runtime.notReady()).toBe('waiting for an operator');
    expect(second.runtime.stale).toBe(false);
    second.clock.advance(5000);
    expect(second.runtime.notReady()).toBeNull();
    expect(second.runtime.stale).toBe(true);
    await second.apply('1', []);
    expect(second.runtime.stale).toBe(false);
  });

  it('make nobody ready when there are none', async () => {
    const world = await World.start(stateDir);
    world.clock.advance(5000);
    expect(world.runtime.notReady()).toBe('no operator has answered and there are no units on disk');
    await world.apply('0-0', []);
    expect(world.runtime.notReady()).toBeNull();
  });

  it('are the last good ones, under no version while something is rejected', async () => {
    const world = await World.start(stateDir);
    await world.apply('1', [mockPipeline('a', '1')]);
    world.rejects.add('a');
    await world.apply('2', [mockPipeline('a', '2'), mockPipeline('b', '2')]);
    await world.runtime[Symbol.asyncDispose]();
    const { version, units } = await loadUnits(stateDir, log);
    expect(version).toBe('');
    expect([...units.values()]).toEqual([mockPipeline('a', '1'), mockPipeline('b', '2')]);
  });

  it('keep a listener that cannot be bound just now', async () => {
    const { server, port } = await occupy();
    await new Promise((resolve) => server.close(resolve));
    const unit = wire(listenerUnit('listener/a', { address: '127.0.0.1', port }));
    const first = await World.start(stateDir);
    await first.apply('1', [unit]);
    await first.runtime[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
    const second = await World.start(stateDir);
    expect(names(await second.apply('1', []))).toEqual(['listener/a']);
    await second.runtime[Symbol.asyncDispose]();
    expect([...(await loadUnits(stateDir, log)).units.keys()]).toEqual(['listener/a']);
  });

  it('belong to one proxy at a time', async () => {
    await World.start(stateDir);
    await expect(World.start(stateDir)).rejects.toThrow(`another proxy keeps its units in ${stateDir}`);
  });

  it('hold live units as well', async () => {
    const world = await World.start(stateDir);
    const unit = { kind: 'endpoints', name: 'endpoints/a', hash: '1', origins: [], content: {} };
    world.runtime.live({ upserts: [unit], removes: [] });
    await world.runtime[Symbol.asyncDispose]();
    expect([...(await loadUnits(stateDir, log)).units.keys()]).toEqual(['endpoints/a']);
  });
});
