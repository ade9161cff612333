// What every source of objects promises, whatever it reads: files today, Kubernetes later. A source's own test hands
// in a world in which objects can be put and removed, and calls this.

import { describe, expect, it } from 'vitest';
import { keyOf, type RawObject } from '#operator/resources/object.ts';
import type { ObjectEvent, ObjectSource } from '#operator/sources/object-event.ts';

export interface ObjectWorld extends AsyncDisposable {
  readonly source: ObjectSource;
  /** Makes an object be there, or changes it. */
  put(kind: string, name: string, spec: Readonly<Record<string, unknown>>): Promise<void>;
  remove(kind: string, name: string): Promise<void>;
}

/** Listens to a source and knows at any time what it has told. */
export class ObjectWitness {
  readonly batches: (readonly ObjectEvent[])[] = [];
  readonly objects = new Map<string, RawObject>();
  readonly diagnostics = new Map<string, readonly string[]>();
  synced = 0;
  private waiting: (() => void)[] = [];

  readonly listen = (events: readonly ObjectEvent[]): void => {
    this.batches.push(events);
    for (const event of events) this.take(event);
    for (const wake of this.waiting.splice(0)) wake();
  };

  /** Resolves when `condition` holds; it is asked after every batch. The test's own time-out bounds it. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** `kind/name` of all objects, sorted. */
  names(): string[] {
    return [...this.objects.values()].map(({ kind, name }) => `${kind}/${name}`).toSorted();
  }

  /** `code message` of all findings, by place. */
  findings(): string[] {
    return [...this.diagnostics.values()].flat();
  }

  private take(event: ObjectEvent): void {
    switch (event.type) {
      case 'upsert':
        this.objects.set(keyOf(event.object), event.object);
        break;
      case 'delete':
        this.objects.delete(keyOf(event.key));
        break;
      case 'synced':
        this.synced++;
        break;
      case 'diagnostics':
        this.diagnostics.set(
          event.place,
          event.diagnostics.map(({ code, message }) => `${code} ${message}`),
        );
        break;
      default:
        event satisfies never;
    }
  }
}

export function describeObjectSource(name: string, createWorld: () => Promise<ObjectWorld>): void {
  describe(`${name} as a source of objects`, () => {
    const port = (witness: ObjectWitness, object: string): unknown =>
      witness.objects.get(`HTTPServer/default/${object}`)?.spec['port'];

    it('tells what exists at the start, then that it is synced, in order and before start resolves', async () => {
      await using world = await createWorld();
      await world.put('HTTPServer', 'b', { port: 2 });
      await world.put('HTTPServer', 'a', { port: 1 });
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      expect(witness.names()).toEqual(['HTTPServer/a', 'HTTPServer/b']);
      expect(witness.synced).toBe(1);
      expect(witness.batches.flat().at(-1)).toEqual({ type: 'synced' });
    });

    it('is synced at once when there is nothing', async () => {
      await using world = await createWorld();
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      expect(witness.batches).toEqual([[{ type: 'synced' }]]);
    });

    it('tells what comes, changes and goes, and is synced only once', async () => {
      await using world = await createWorld();
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      await world.put('HTTPServer', 'a', { port: 1 });
      await witness.until(() => port(witness, 'a') === 1);
      await world.put('HTTPServer', 'a', { port: 2 });
      await witness.until(() => port(witness, 'a') === 2);
      await world.remove('HTTPServer', 'a');
      await witness.until(() => witness.objects.size === 0);
      expect(witness.synced).toBe(1);
    });

    it('tells the last of many changes', async () => {
      await using world = await createWorld();
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      for (let n = 1; n <= 20; n++) await world.put('HTTPServer', 'a', { port: n });
      await witness.until(() => port(witness, 'a') === 20);
      expect(witness.batches.length).toBeLessThanOrEqual(21);
    });

    it('does not tell an object again that has not changed', async () => {
      await using world = await createWorld();
      await world.put('HTTPServer', 'a', { port: 1 });
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      await world.put('HTTPServer', 'b', { port: 2 });
      await witness.until(() => port(witness, 'b') === 2);
      const told = witness.batches.flat().filter((event) => event.type === 'upsert' && event.object.name === 'a');
      expect(told).toHaveLength(1);
    });

    it('keeps objects of one name and different kinds apart', async () => {
      await using world = await createWorld();
      await world.put('HTTPServer', 'a', { port: 1 });
      await world.put('Pipeline', 'a', { filters: [] });
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      expect(witness.names()).toEqual(['HTTPServer/a', 'Pipeline/a']);
      await world.remove('Pipeline', 'a');
      await witness.until(() => witness.objects.size === 1);
      expect(witness.names()).toEqual(['HTTPServer/a']);
    });

    it('tells nothing after it was disposed, and can be disposed before it was started', async () => {
      const world = await createWorld();
      const witness = new ObjectWitness();
      await world.source.start(witness.listen);
      await world.source[Symbol.asyncDispose]();
      const told = witness.batches.length;
      await world.put('HTTPServer', 'a', { port: 1 });
      expect(witness.batches).toHaveLength(told);
      await world[Symbol.asyncDispose]();
      await using other = await createWorld();
      await other.source[Symbol.asyncDispose]();
    });
  });
}
