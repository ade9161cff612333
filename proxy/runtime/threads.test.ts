import { describe, expect, it } from 'vitest';
import type { Rejection } from '#proxy/contract/messages.ts';
import { logTo } from '#proxy/process/log.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import type { DataPlane } from './thread-host.ts';
import type { PrepareStep } from './thread-messages.ts';
import { localPort, type ThreadPort } from './thread-port.ts';
import { ThreadGroup } from './threads.ts';

const empty: PrepareStep = {
  change: { version: '', upserts: [], removes: [] },
  resolved: {},
  shared: [],
  series: {},
  addresses: {},
};

function rejection(unit: string): Rejection {
  return { unit, diagnostics: [] };
}

/** A thread in name only: says what was asked of it, and does what a test tells it to. */
class ScriptedThread {
  readonly calls: string[] = [];
  port: ThreadPort | null = null;
  rejects: Rejection[] = [];
  /** What happens when a version is prepared. */
  onPrepare: (version: string) => Promise<void> = () => Promise.resolve();
  /** What happens when a change is put in place. */
  onCommit: () => void = () => undefined;

  readonly plane: DataPlane = {
    prepare: async ({ change }) => {
      this.calls.push(`prepare ${change.version}`);
      await this.onPrepare(change.version);
      return this.rejects;
    },
    commit: (rejected) => {
      this.calls.push(`commit ${rejected.map(({ unit }) => unit).join(',')}`);
      this.onCommit();
    },
    abort: () => void this.calls.push('abort'),
    live: () => void this.calls.push('live'),
    resolved: () => undefined,
    releaseSeries: () => undefined,
    reopenLog: () => undefined,
    drain: () => Promise.resolve(),
  };
}

class World {
  readonly clock = new FakeClock();
  /** In order of their start. */
  readonly threads: ScriptedThread[] = [];
  readonly lost: number[] = [];
  readonly lines: { level: string; fields: object; message: string }[] = [];
  fatal: Error | null = null;
  table = 'table-0';
  /** Called for each thread before it starts. */
  onStart: (thread: ScriptedThread) => void = () => undefined;
  readonly group: ThreadGroup;

  constructor(count: number) {
    this.group = new ThreadGroup({
      count,
      start: () => {
        const thread = new ScriptedThread();
        this.threads.push(thread);
        this.onStart(thread);
        thread.port = localPort(() => thread.plane);
        return thread.port;
      },
      full: () => ({ ...empty, change: { ...empty.change, version: this.table } }),
      log: logTo((level, fields, message) => void this.lines.push({ level, fields, message })),
      now: this.clock.now,
      timer: this.clock.timer,
      lost: (index) => void this.lost.push(index),
      fatal: (error) => (this.fatal = error),
    });
  }

  static async start(count: number): Promise<World> {
    const world = new World(count);
    await world.group.started();
    for (const thread of world.threads) thread.calls.length = 0;
    return world;
  }

  thread(index: number): ScriptedThread {
    const thread = this.threads[index];
    if (thread === undefined) throw new Error(`thread ${index} was not started`);
    return thread;
  }

  async apply(version: string): Promise<string> {
    const step = { ...empty, change: { ...empty.change, version } };
    const outcome = await this.group.apply(
      () => step,
      () => (this.table = version),
    );
    return outcome.died ? 'died' : outcome.rejected.map(({ unit }) => unit).join(',');
  }
}

describe('a group of threads', () => {
  it('commits in no thread before all have prepared', async () => {
    const world = await World.start(2);
    let release: () => void = () => undefined;
    world.thread(1).onPrepare = () => new Promise((resolve) => (release = resolve));
    const applied = world.apply('1');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(world.thread(0).calls).toEqual(['prepare 1']);
    release();
    expect(await applied).toBe('');
    expect(world.thread(0).calls).toEqual(['prepare 1', 'commit ']);
    expect(world.thread(1).calls).toEqual(['prepare 1', 'commit ']);
  });

  it('rejects in all threads what one rejects', async () => {
    const world = await World.start(3);
    world.thread(1).rejects = [rejection('a')];
    world.thread(2).rejects = [rejection('a'), rejection('b')];
    expect(await world.apply('1')).toBe('a,b');
    for (const thread of world.threads) expect(thread.calls).toEqual(['prepare 1', 'commit a,b']);
  });

  it('applies one change after the other', async () => {
    const world = await World.start(1);
    await Promise.all([world.apply('1'), world.apply('2')]);
    expect(world.thread(0).calls).toEqual(['prepare 1', 'commit ', 'prepare 2', 'commit ']);
  });

  it('aborts in all threads a change during which one ends', async () => {
    const world = await World.start(2);
    const { port } = world.thread(1);
    world.thread(1).onPrepare = () => {
      void port?.terminate();
      return Promise.resolve();
    };
    expect(await world.apply('1')).toBe('died');
    await world.apply('2');
    expect(world.thread(0).calls).toEqual(['prepare 1', 'abort', 'prepare 2', 'commit ']);
    expect(world.lost).toEqual([1]);
  });

  it('commits in one thread first, and aborts in the others when that ends it', async () => {
    const world = await World.start(3);
    const [first] = world.threads;
    if (first !== undefined) first.onCommit = () => void first.port?.terminate();
    expect(await world.apply('1')).toBe('died');
    await world.apply('2');
    expect(first?.calls).toEqual(['prepare 1', 'commit ']);
    for (const index of [1, 2]) {
      expect(world.thread(index).calls).toEqual(['prepare 1', 'abort', 'prepare 2', 'commit ']);
    }
    expect(world.lost).toEqual([0]);
  });

  it('does not take back what others serve when a later one ends in its commit', async () => {
    const world = await World.start(2);
    const second = world.thread(1);
    second.onCommit = () => void second.port?.terminate();
    expect(await world.apply('1')).toBe('died');
    expect(world.thread(0).calls).toEqual(['prepare 1', 'commit ']);
    expect(world.lost).toEqual([1]);
  });

  it('ends a thread that does not answer', async () => {
    const world = await World.start(2);
    world.thread(0).onPrepare = () => new Promise(() => undefined);
    const applied = world.apply('1');
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    world.clock.advance(30_000);
    expect(await applied).toBe('died');
    expect(world.group.serving).toBe(1);
  });

  it('fills a thread that is started again with the newest table before it serves', async () => {
    const world = await World.start(2);
    await world.group.kill(1);
    expect(world.group.serving).toBe(1);
    await world.apply('7');
    world.clock.advance(100);
    await world.group.started();
    expect(world.thread(2).calls).toEqual(['prepare 7', 'commit ']);
    expect([world.group.serving, world.group.restarts]).toEqual([2, 1]);
  });

  it('says when one that was started again serves, and nothing of the first start', async () => {
    const world = await World.start(2);
    expect(world.lines).toEqual([]);
    await world.group.kill(1);
    world.clock.advance(100);
    await world.group.started();
    expect(world.lines.at(-1)).toEqual({
      level: 'info',
      fields: { thread: 1 },
      message: 'data thread serves again',
    });
  });

  it('waits longer each time', async () => {
    const world = await World.start(1);
    await world.group.kill(0);
    world.clock.advance(99);
    expect(world.threads.length).toBe(1);
    world.clock.advance(1);
    expect(world.threads.length).toBe(2);
    await world.group.kill(0);
    world.clock.advance(199);
    expect(world.threads.length).toBe(2);
    world.clock.advance(1);
    expect(world.threads.length).toBe(3);
  });

  it('is fatal when more than three threads end within a minute', async () => {
    const world = await World.start(1);
    for (let i = 0; i < 3; i++) {
      await world.group.kill(0);
      expect(world.fatal).toBeNull();
      world.clock.advance(5000);
      await world.group.started();
    }
    await world.group.kill(0);
    expect(world.fatal?.message).toBe('4 data threads ended within a minute');
  });

  it('is not fatal when they end now and then', async () => {
    const world = await World.start(1);
    for (let i = 0; i < 10; i++) {
      await world.group.kill(0);
      world.clock.advance(30_000);
      await world.group.started();
    }
    expect(world.fatal).toBeNull();
    expect(world.group.restarts).toBe(10);
  });

  it('tells started() when no thread lives long enough', async () => {
    const world = new World(1);
    world.onStart = (thread) => {
      thread.onPrepare = () => {
        void thread.port?.terminate();
        return Promise.resolve();
      };
    };
    const [first] = world.threads;
    if (first !== undefined) world.onStart(first);
    const started = expect(world.group.started()).rejects.toThrow('4 data threads ended');
    while (world.fatal === null) {
      await new Promise((resolve) => setImmediate(resolve));
      world.clock.advance(5000);
    }
    await started;
  });
});
