// What exists now, by kind, namespace and name. The store takes events from a source, drops those that change nothing
// we read, and remembers which objects changed since compile last asked. It judges nothing: what an object means is
// for compile. Objects are frozen on entry, so a view needs no copy and no stage can change another's input.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { sameValue } from '#proxy/primitives/same-value.ts';
import { keyOf, type RawObject } from '#operator/resources/object.ts';
import type { ObjectEvent } from '#operator/sources/object-event.ts';

/** What compile is told: an object as it is now, or the key of one that is gone. */
export type ObjectChange =
  | { readonly type: 'upsert'; readonly object: RawObject }
  | { readonly type: 'delete'; readonly key: string };

export interface Store {
  /** Grows by one with every event that mattered. */
  readonly sequence: number;
  /** The source has told everything that existed at the start. */
  readonly synced: boolean;
  /** Takes a batch. Returns whether any of it mattered; listeners are called once, afterwards. */
  apply(events: readonly ObjectEvent[]): boolean;
  /** Changes since the last call, one per object, ordered by key. An object that came and went leaves a delete. */
  takeChanges(): readonly ObjectChange[];
  get(key: string): RawObject | undefined;
  /** Everything, or one kind, ordered by key. Frozen. */
  list(kind?: string): readonly RawObject[];
  /** Findings about what could not become an object, by place (a file). */
  placeDiagnostics(): ReadonlyMap<string, readonly Diagnostic[]>;
  /** Called after each batch that mattered. The returned function ends it. */
  onChange(listener: () => void): () => void;
  /** Resolves when `sequence` is reached; rejects with the signal's reason. For tests and for start-up. */
  reached(sequence: number, options?: { signal?: AbortSignal }): Promise<void>;
}

export function createStore(): Store {
  return new ObjectStore();
}

class ObjectStore implements Store {
  sequence = 0;
  synced = false;
  private readonly objects = new Map<string, RawObject>();
  private readonly changed = new Set<string>();
  private readonly places = new Map<string, readonly Diagnostic[]>();
  private readonly listeners = new Set<() => void>();

  apply(events: readonly ObjectEvent[]): boolean {
    const before = this.sequence;
    for (const event of events) if (this.take(event)) this.sequence++;
    if (this.sequence === before) return false;
    for (const listener of this.listeners) listener();
    return true;
  }

  takeChanges(): readonly ObjectChange[] {
    const keys = [...this.changed].toSorted();
    this.changed.clear();
    return keys.map((key) => {
      const object = this.objects.get(key);
      return object === undefined ? { type: 'delete', key } : { type: 'upsert', object };
    });
  }

  get(key: string): RawObject | undefined {
    return this.objects.get(key);
  }

  list(kind?: string): readonly RawObject[] {
    const keys = [...this.objects.keys()].filter((key) => kind === undefined || key.startsWith(`${kind}/`));
    return Object.freeze(keys.toSorted().map((key) => this.objects.get(key) as RawObject));
  }

  placeDiagnostics(): ReadonlyMap<string, readonly Diagnostic[]> {
    return this.places;
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  reached(sequence: number, options: { signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = this.onChange(() => {
      if (this.sequence >= sequence) resolve();
    });
    const abort = (): void => reject(signal?.reason);
    if (this.sequence >= sequence) resolve();
    else if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    return promise.finally(() => {
      stop();
      signal?.removeEventListener('abort', abort);
    });
  }

  /** Returns whether the event matters. */
  private take(event: ObjectEvent): boolean {
    switch (event.type) {
      case 'upsert':
        return this.upsert(event.object);
      case 'delete': {
        const key = keyOf(event.key);
        if (!this.objects.delete(key)) return false;
        this.changed.add(key);
        return true;
      }
      case 'synced': {
        const first = !this.synced;
        this.synced = true;
        return first;
      }
      case 'diagnostics':
        return this.findings(event.place, event.diagnostics);
      default:
        return event satisfies never;
    }
  }

  private upsert(object: RawObject): boolean {
    const key = keyOf(object);
    const known = this.objects.get(key);
    // Also when nothing that matters changed: messages want the newest place in the file.
    this.objects.set(key, freeze(object));
    if (known !== undefined && sameValue(meaning(known), meaning(object))) return false;
    this.changed.add(key);
    return true;
  }

  private findings(place: string, diagnostics: readonly Diagnostic[]): boolean {
    const known = this.places.get(place) ?? [];
    if (sameValue(known, diagnostics)) return false;
    if (diagnostics.length === 0) this.places.delete(place);
    else this.places.set(place, freeze([...diagnostics]));
    return true;
  }
}

/** All that any later stage reads of an object, but for `location`, which only makes messages nicer. */
function meaning(object: RawObject): readonly unknown[] {
  const { createdAt, generation, labels, annotations, spec, imported } = object;
  return [createdAt, generation, imported, labels, annotations, spec];
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}
