// Two promises of compile, tried on many small worlds: history never shows, and one bad object costs one
// object. The worlds are made of few names, so that objects refer to each other, compete and come and go.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { unitKinds } from '#proxy/contract/units.ts';
import { keyOf, type RawObject } from '#operator/resources/object.ts';
import { rawObject } from '#test/support/objects.ts';
import { type CompileChange, type Compiler, createCompiler } from './compile.ts';
import type { CompiledUnit } from './result.ts';

const servers = ['a', 'b', 'c'];
const backends = ['p', 'q', 'absent'];

const path = fc.oneof(
  fc.record({ pathPrefix: fc.constant('/'), backend: fc.constantFrom(...backends) }),
  fc.record({ path: fc.constantFrom('/x', 'no-slash'), backend: fc.constantFrom(...backends) }),
  fc.record({ backendPool: fc.constant({ servers: [{ url: 'http://127.0.0.1:9001' }] }) }),
  fc.record({ backendPool: fc.constant({ service: { name: 's', port: 'http' } }) }),
  fc.constant({ pathPrefix: '/none' }),
);
const rule = fc.record(
  { host: fc.constantFrom('a.io', '*.b.io', 'C.io', ''), paths: fc.array(path, { maxLength: 3 }) },
  { requiredKeys: ['paths'] },
);
const serverSpec = fc.record(
  {
    port: fc.constantFrom(8080, 8081, 'http'),
    keepAlive: fc.constantFrom(true, false, 'yes'),
    https: fc.boolean(),
    globalFilter: fc.constantFrom('', 'g', 'absent'),
    rules: fc.array(rule, { maxLength: 2 }),
    wrong: fc.constant(1),
  },
  { requiredKeys: ['port', 'rules'] },
);
const filter = fc.oneof(
  fc.constant({ name: 'm', kind: 'Mock', rules: [{ match: {}, code: 200 }] }),
  fc.constant({ name: 'r', filterRef: { name: 'f' } }),
  fc.constant({ name: 'x', kind: 'Proxy', pools: [{ service: { name: 's', port: 80 } }] }),
  fc.constant({ name: 'x', kind: 'Proxy', pools: [{ servers: [{ url: 'https://a.test' }], retryPolicy: 'again' }] }),
  fc.constant({ name: 'x', kind: 'Nothing' }),
);
const pipelineSpec = fc.record(
  {
    filters: fc.array(filter, { minLength: 1, maxLength: 3 }),
    flow: fc.array(fc.record({ filter: fc.constantFrom('m', 'r', 'x', 'END') }), { maxLength: 2 }),
    resilience: fc.constant([{ name: 'again', kind: 'Retry' }]),
  },
  { requiredKeys: ['filters'] },
);

const object = fc.oneof(
  fc
    .record({ name: fc.constantFrom(...servers), spec: serverSpec })
    .map(({ name, spec }) => rawObject('HTTPServer', name, spec)),
  fc
    .tuple(fc.constantFrom('p', 'q'), pipelineSpec, fc.boolean())
    .map(([name, spec, imported]) => rawObject('Pipeline', name, spec, { imported })),
  fc
    .constantFrom<Record<string, unknown>[]>({ kind: 'Mock' }, { kind: 'Proxy', pools: [] })
    .map((spec) => rawObject('Filter', 'f', spec)),
  fc.record({ beforePipeline: pipelineSpec }).map((spec) => rawObject('GlobalFilter', 'g', spec)),
  fc.constantFrom(80, 81).map((port) => rawObject('Service', 's', { ports: [{ name: 'http', port }] })),
  fc
    .constantFrom('10.0.0.1', '10.0.0.2')
    .chain((address) =>
      fc
        .constantFrom('s-1', 's-2')
        .map((name) =>
          rawObject(
            'EndpointSlice',
            name,
            { addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: 'http', port: 8080 }] },
            { labels: { 'kubernetes.io/service-name': 's' } },
          ),
        ),
    ),
);
const change: fc.Arbitrary<CompileChange> = fc.oneof(
  { weight: 4, arbitrary: object.map((one) => ({ type: 'upsert', object: one }) as const) },
  { weight: 1, arbitrary: object.map((one) => ({ type: 'delete', key: keyOf(one) }) as const) },
);

const upserts = (objects: readonly RawObject[]): CompileChange[] =>
  objects.map((one) => ({ type: 'upsert', object: one }));

/** All that a compiler says, as bytes. */
function bytes(compiler: Compiler): string {
  const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return canonicalJson([sorted(compiler.units()), sorted(compiler.diagnostics())]);
}

describe('compile', () => {
  it('gives after any history what one update with the objects that are left gives, in any order', () => {
    const world = fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(world, fc.integer(), (batches, seed) => {
        const compiler = createCompiler();
        const told = new Map<string, CompiledUnit>();
        const left = new Map<string, RawObject>();
        for (const batch of batches) {
          const delta = compiler.update(batch);
          for (const name of delta.removes) expect(told.delete(name)).toBe(true);
          for (const unit of delta.upserts) told.set(unit.unit.name, unit);
          for (const one of batch) {
            if (one.type === 'delete') left.delete(one.key);
            else left.set(keyOf(one.object), one.object);
          }
        }
        expect(told).toEqual(compiler.units());
        const shuffled = [...left.values()].toSorted((a, b) => hashed(seed, keyOf(a)) - hashed(seed, keyOf(b)));
        const fresh = createCompiler();
        // Copies, because what was made of an object must not be found again by it.
        fresh.update(upserts(structuredClone(shuffled)));
        expect(bytes(compiler)).toBe(bytes(fresh));
      }),
      { numRuns: 300 },
    );
  });

  it('gives units that their schemas accept, and no reference that leads to no unit', () => {
    fc.assert(
      fc.property(fc.array(object, { maxLength: 8 }), (objects) => {
        const compiler = createCompiler();
        compiler.update(upserts(objects));
        for (const { unit } of compiler.units().values()) {
          expect(unitKinds[unit.kind].content.parse(unit.content)).toEqual(unit.content);
          if (unit.kind === 'owner') expect(compiler.units().has(unit.content.listener)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('breaking one object changes no unit of an object that neither refers to it nor competes for its host', () => {
    fc.assert(
      fc.property(soundWorld, fc.nat(), fc.nat(), (objects, which, how) => {
        const victim = objects[which % objects.length] as RawObject;
        const breaks = waysToBreak[victim.kind] ?? [];
        const broken = { ...victim, spec: (breaks[how % breaks.length] as Break)(victim.spec) };
        const compiler = createCompiler();
        compiler.update(upserts(objects));
        const before = new Map(compiler.units());
        compiler.update(upserts([broken]));
        expect(
          compiler
            .diagnostics()
            .get(keyOf(victim))
            ?.some(({ severity }) => severity === 'error') ?? victim.kind === 'EndpointSlice',
        ).toBe(true);
        const touched = relatives(objects, victim);
        const spared = (units: ReadonlyMap<string, CompiledUnit>): string[] =>
          [...units.values()]
            .filter(({ unit }) => unit.origins.every((origin) => !touched.has(keyOf(origin))))
            // Whose name stands on a shared listener changes when the first of its servers goes; what it says must not.
            .filter(({ unit }) => unit.kind !== 'listener')
            .map(({ unit }) => `${unit.name} ${unit.hash}`)
            .toSorted();
        expect(spared(compiler.units())).toEqual(spared(before));
        for (const { unit } of compiler.units().values()) {
          if (unit.kind !== 'listener') continue;
          // A port that the broken server has for itself speaks TLS from the moment that it says so.
          const own = unit.origins.some((origin) => keyOf(origin) === keyOf(victim));
          if (own && unit.content.protocol === 'https') continue;
          expect(unit.content).toEqual(before.get(unit.name)?.unit.content);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function hashed(seed: number, text: string): number {
  let sum = seed | 0;
  for (const letter of text) sum = Math.imul(sum ^ letter.charCodeAt(0), 16_777_619);
  return sum;
}

// ── sound worlds and how they break ─────────────────────────────────────────────────────────────────────────────────

const hosts = ['a.io', 'b.io', 'c.io', '*.d.io'];

const soundWorld = fc
  .tuple(
    fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd'),
        host: fc.constantFrom(...hosts),
        backend: fc.constantFrom('p', 'q', 'r'),
        global: fc.boolean(),
      }),
      {
        selector: ({ name }) => name,
        minLength: 1,
        maxLength: 4,
      },
    ),
    fc.constantFrom<(string | null)[]>('p', 'q', null),
  )
  .map(([list, withFilter]): RawObject[] => [
    ...list.map(({ name, host, backend, global }) =>
      rawObject('HTTPServer', name, {
        port: 8080,
        ...(global ? { globalFilter: 'g' } : {}),
        rules: [
          {
            host,
            paths: [
              { path: '/x', backend },
              { pathPrefix: '/', backend: 'p' },
            ],
          },
        ],
      }),
    ),
    ...['p', 'q', 'r'].map((name) =>
      rawObject('Pipeline', name, {
        filters: [
          ...(withFilter === name ? [{ name: 'shared', filterRef: { name: 'f' } }] : []),
          {
            name: 'proxy',
            kind: 'Proxy',
            pools: [name === 'r' ? { service: { name: 's', port: 80 } } : { servers: [{ url: 'http://a.test' }] }],
          },
        ],
      }),
    ),
    rawObject('Filter', 'f', { kind: 'Mock' }),
    rawObject('GlobalFilter', 'g', { beforePipeline: { filters: [{ name: 'm', kind: 'Mock' }] } }),
    rawObject('Service', 's', { ports: [{ port: 80 }] }),
  ]);

type Break = (spec: Readonly<Record<string, unknown>>) => Record<string, unknown>;

const waysToBreak: Readonly<Record<string, readonly Break[]>> = {
  HTTPServer: [
    (spec) => ({ ...spec, port: 'http' }),
    (spec) => ({ ...spec, keepAliveTimeout: 'long' }),
    (spec) => ({ ...spec, caCertBase64: 'QQ==' }),
    (spec) => ({ ...spec, rules: 'none' }),
    (spec) => ({ ...spec, rules: [{ host: 'a b', paths: [] }] }),
    (spec) => ({ ...spec, https: true }),
  ],
  Pipeline: [
    (spec) => ({ ...spec, filters: [] }),
    (spec) => ({ ...spec, flow: [{ filter: 'nobody' }] }),
    (spec) => ({ ...spec, filters: [{ name: 'x', kind: 'Nothing' }] }),
  ],
  Filter: [() => ({ kind: 'Nothing' }), () => ({ kind: 'Mock', rules: 7 })],
  GlobalFilter: [() => ({}), () => ({ beforePipeline: { filters: 7 } })],
  Service: [() => ({ ports: [{ port: 'http' }] })],
};

/** Keys of the objects that breaking `victim` may touch: those that refer to it, directly or not, or want its host. */
function relatives(objects: readonly RawObject[], victim: RawObject): ReadonlySet<string> {
  const touched = new Set([keyOf(victim)]);
  const names = (one: RawObject, name: string): boolean => JSON.stringify(one.spec).includes(`"${name}"`);
  for (const kind of ['Pipeline', 'HTTPServer']) {
    for (const one of objects.filter((each) => each.kind === kind)) {
      if (objects.some((other) => touched.has(keyOf(other)) && other.kind !== one.kind && names(one, other.name))) {
        touched.add(keyOf(one));
      }
    }
  }
  // The addresses of a Service are a unit only as long as a sound pipeline wants them.
  for (const one of objects) if (one.kind === 'Service' && names(victim, one.name)) touched.add(keyOf(one));
  if (victim.kind === 'HTTPServer') {
    const host = hosts.find((each) => names(victim, each)) ?? '';
    for (const one of objects) if (one.kind === 'HTTPServer' && names(one, host)) touched.add(keyOf(one));
  }
  return touched;
}
