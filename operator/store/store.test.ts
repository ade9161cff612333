import { describe, expect, it } from 'vitest';
import { diagnostic } from '#proxy/contract/diagnostics.ts';
import type { RawObject } from '#operator/resources/object.ts';
import { createStore } from './store.ts';

const object = (name: string, change: Partial<RawObject> = {}): RawObject => ({
  kind: 'Pipeline',
  namespace: 'default',
  name,
  createdAt: '',
  generation: 1,
  labels: {},
  annotations: {},
  spec: { filters: [{ name: 'a', kind: 'Mock' }] },
  location: `${name}.yaml:1`,
  imported: false,
  ...change,
});

const key = { kind: 'Pipeline', namespace: 'default', name: 'web' };
const finding = diagnostic('InvalidYaml', { kind: '', namespace: '', name: 'a.yaml' }, '', 'line 3: cut off');

describe('store', () => {
  it('gives each changed object once, ordered by key, and forgets it when taken', () => {
    const store = createStore();
    store.apply([
      { type: 'upsert', object: object('web') },
      { type: 'upsert', object: object('api') },
      { type: 'upsert', object: object('web', { spec: { filters: [] } }) },
    ]);
    expect(
      store.takeChanges().map((change) => (change.type === 'upsert' ? [change.object.name, change.object.spec] : [])),
    ).toEqual([
      ['api', { filters: [{ name: 'a', kind: 'Mock' }] }],
      ['web', { filters: [] }],
    ]);
    expect(store.takeChanges()).toEqual([]);
  });

  it('drops an event that changes nothing we read, but keeps the newest place in the file', () => {
    const store = createStore();
    store.apply([{ type: 'upsert', object: object('web') }]);
    store.takeChanges();
    let calls = 0;
    store.onChange(() => calls++);
    expect(store.apply([{ type: 'upsert', object: object('web', { location: 'web.yaml:7' }) }])).toBe(false);
    expect(store.takeChanges()).toEqual([]);
    expect(store.get('Pipeline/default/web')?.location).toBe('web.yaml:7');
    expect(calls).toBe(0);
    expect(store.sequence).toBe(1);
  });

  it.each([
    ['spec', { spec: { filters: [] } }],
    ['generation', { generation: 2 }],
    ['labels', { labels: { a: 'b' } }],
    ['annotations', { annotations: { a: 'b' } }],
    ['form', { imported: true }],
    ['age', { createdAt: '2026-01-01T00:00:00Z' }],
  ])('takes a change of %s as one that matters', (_, change) => {
    const store = createStore();
    store.apply([{ type: 'upsert', object: object('web') }]);
    expect(store.apply([{ type: 'upsert', object: object('web', change) }])).toBe(true);
  });

  it('tells a delete once, and nothing for an object that never was', () => {
    const store = createStore();
    expect(store.apply([{ type: 'delete', key }])).toBe(false);
    store.apply([
      { type: 'upsert', object: object('web') },
      { type: 'delete', key },
    ]);
    expect(store.takeChanges()).toEqual([{ type: 'delete', key: 'Pipeline/default/web' }]);
    expect(store.apply([{ type: 'delete', key }])).toBe(false);
  });

  it('calls listeners once per batch, and no more once they left', () => {
    const store = createStore();
    let calls = 0;
    const stop = store.onChange(() => calls++);
    store.apply([{ type: 'upsert', object: object('a') }, { type: 'upsert', object: object('b') }, { type: 'synced' }]);
    stop();
    store.apply([{ type: 'upsert', object: object('c') }]);
    expect(calls).toBe(1);
    expect(store.synced).toBe(true);
  });

  it('replaces the findings of a place and drops them when it is well', () => {
    const store = createStore();
    expect(store.apply([{ type: 'diagnostics', place: 'a.yaml', diagnostics: [finding] }])).toBe(true);
    expect(store.apply([{ type: 'diagnostics', place: 'a.yaml', diagnostics: [{ ...finding }] }])).toBe(false);
    expect([...store.placeDiagnostics()]).toEqual([['a.yaml', [finding]]]);
    expect(store.apply([{ type: 'diagnostics', place: 'a.yaml', diagnostics: [] }])).toBe(true);
    expect(store.placeDiagnostics().size).toBe(0);
  });

  it('lists by kind in key order, and nothing it hands out can be changed', () => {
    const store = createStore();
    store.apply([
      { type: 'upsert', object: object('b') },
      { type: 'upsert', object: object('a') },
      { type: 'upsert', object: object('a', { kind: 'Filter' }) },
    ]);
    expect(store.list('Pipeline').map(({ name }) => name)).toEqual(['a', 'b']);
    expect(store.list().length).toBe(3);
    expect(() => Object.assign((store.list()[0] as RawObject).spec, { x: 1 })).toThrow(TypeError);
    expect(() => (store.list() as RawObject[]).pop()).toThrow(TypeError);
  });

  it('lets a test wait for a sequence number, and stop waiting', async () => {
    const store = createStore();
    const second = store.reached(2);
    store.apply([{ type: 'upsert', object: object('a') }]);
    store.apply([{ type: 'upsert', object: object('b') }]);
    await second;
    const stop = new AbortController();
    const never = store.reached(3, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
    await expect(store.reached(3, { signal: stop.signal })).rejects.toThrow('enough');
  });
});
