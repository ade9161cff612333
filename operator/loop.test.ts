import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { silent } from '#test/support/push-operator.ts';
import { createStore, type Store } from '#operator/store/store.ts';
import type { CompileChange } from '#operator/compile/compile.ts';
import { noAcks } from '#operator/status/acks.ts';
import type { StatusChange } from '#operator/status/status.ts';
import type { RawObject } from '#operator/resources/object.ts';
import type { ObjectEvent } from '#operator/sources/object-event.ts';
import { startLoop, type Loop } from './loop.ts';

function object(name: string, value: unknown, kind = 'Pipeline'): RawObject {
  const from = { createdAt: '', generation: 1, labels: {}, annotations: {}, location: '', imported: false };
  return { kind, namespace: 'default', name, spec: { value }, ...from };
}

interface World {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly loop: Loop;
  /** Names of each compile, in order. */
  readonly compiled: string[][];
  readonly statuses: StatusChange[];
  change(name: string, value: unknown, kind?: string): void;
  tell(...events: ObjectEvent[]): void;
}

async function started(...first: RawObject[]): Promise<World> {
  const world = begin(...first);
  world.tell({ type: 'synced' });
  await world.loop.started;
  world.clock.advance(1000);
  world.compiled.length = 0;
  world.statuses.length = 0;
  return world;
}

function begin(...first: RawObject[]): World {
  const clock = new FakeClock();
  const store = createStore();
  const compiled: string[][] = [];
  const statuses: StatusChange[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let tell: (events: readonly ObjectEvent[]) => void = () => {};
  const loop = startLoop({
    source: {
      start(listener) {
        tell = (events) => {
          listener(events);
          if (events.some(({ type }) => type === 'synced')) resolve();
        };
        return promise;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    store,
    compile(changes: readonly CompileChange[]) {
      compiled.push(changes.map((change) => (change.type === 'delete' ? `-${change.key}` : change.object.name)));
      return { upserts: [], removes: [], diagnostics: new Map() };
    },
    publish: () => {},
    status: (change) => void statuses.push(change),
    clock,
    log: silent,
  });
  const change = (name: string, value: unknown, kind?: string): void =>
    tell([{ type: 'upsert', object: object(name, value, kind) }]);
  for (const one of first) tell([{ type: 'upsert', object: one }]);
  return { clock, store, loop, compiled, statuses, change, tell: (...events) => tell(events) };
}

describe('the loop', () => {
  it('compiles nothing before everything that exists was told, then all of it at once', async () => {
    const world = begin(object('a', 1), object('b', 1));
    world.clock.advance(1000);
    expect(world.compiled).toEqual([]);
    world.tell({ type: 'synced' });
    await world.loop.started;
    expect(world.compiled).toEqual([['a', 'b']]);
  });

  it('compiles the first change after quiet at once', async () => {
    const world = await started(object('a', 1));
    world.change('a', 2);
    expect(world.compiled).toEqual([['a']]);
  });

  it('waits for 20 ms of quiet while changes keep coming', async () => {
    const world = await started();
    world.change('a', 1);
    world.clock.advance(5);
    world.change('b', 1);
    world.clock.advance(19);
    world.change('c', 1);
    world.clock.advance(19);
    expect(world.compiled).toEqual([['a']]);
    world.clock.advance(1);
    expect(world.compiled).toEqual([['a'], ['b', 'c']]);
  });

  it('waits no longer than 200 ms, however many changes come', async () => {
    const world = await started();
    world.change('first', 0);
    for (let i = 0; i < 30; i++) {
      world.clock.advance(10);
      world.change('busy', i);
    }
    // Held off from 10 ms on, so due at 210 ms; again from 210 or 220 ms on.
    expect(world.compiled).toEqual([['first'], ['busy']]);
    world.clock.advance(20);
    expect(world.compiled).toEqual([['first'], ['busy'], ['busy']]);
  });

  it('lets endpoints pass a hold-off, and leaves that as it is', async () => {
    const world = await started();
    world.change('a', 1);
    world.clock.advance(1);
    world.change('b', 1);
    world.clock.advance(15);
    world.change('slice', 1, 'EndpointSlice');
    expect(world.compiled).toEqual([['a'], ['slice']]);
    world.clock.advance(5);
    expect(world.compiled).toEqual([['a'], ['slice'], ['b']]);
  });

  it('is settled when the last change was published', async () => {
    const world = await started();
    world.change('a', 1);
    world.change('a', 2);
    let settled = false;
    const waiting = world.loop.settled().then(() => (settled = true));
    await Promise.resolve();
    expect([settled, world.loop.sequence < world.store.sequence]).toEqual([false, true]);
    world.clock.advance(20);
    await waiting;
    expect(world.loop.sequence).toBe(world.store.sequence);
  });

  it('is settled although only a file’s findings changed', async () => {
    const world = await started();
    world.tell({
      type: 'diagnostics',
      place: 'web.yaml',
      diagnostics: [
        {
          severity: 'error',
          code: 'InvalidYaml',
          object: { kind: '', namespace: '', name: '' },
          path: '',
          message: 'x',
        },
      ],
    });
    await world.loop.settled();
    expect(world.statuses).toHaveLength(1);
  });

  it('tells status once about a burst of acks, with the units of all of them', async () => {
    const world = await started();
    world.loop.acked(noAcks, ['rule/a']);
    world.loop.acked(noAcks, ['rule/b']);
    world.clock.advance(20);
    expect(world.statuses).toEqual([{ acks: noAcks, acked: new Set(['rule/a', 'rule/b']) }]);
    world.loop.acked(noAcks, ['rule/a']);
    world.loop.acked(noAcks, 'all');
    world.loop.acked(noAcks, ['rule/b']);
    world.clock.advance(20);
    expect(world.statuses[1]?.acked).toBe('all');
  });

  it('does nothing more once it was disposed', async () => {
    const world = await started();
    world.change('a', 1);
    world.change('a', 2);
    world.loop.acked(noAcks, 'all');
    world.loop[Symbol.dispose]();
    world.clock.advance(1000);
    await world.loop.settled();
    expect([world.compiled, world.statuses.length, world.clock.pending]).toEqual([[['a']], 1, 0]);
  });
});
