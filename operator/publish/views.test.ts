import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  delta,
  endpointsUnit,
  listenerUnit,
  ownerUnit,
  pipelineUnit,
  ruleUnit,
  upstreamUnit,
} from '#test/support/units.ts';
import { ViewVersion } from '#proxy/contract/hash.ts';
import { unitKinds, unitReferences, type AnyUnit } from '#proxy/contract/units.ts';
import type { View } from './view.ts';
import { Views } from './views.ts';

const chain = [
  listenerUnit('listener/default/*:1'),
  ownerUnit('owner/a', 'listener/default/*:1', { rules: ['rule/a'] }),
  ruleUnit('rule/a', ['pipeline/a']),
  pipelineUnit('pipeline/a', ['upstream/a']),
  upstreamUnit('upstream/a', 'endpoints/a'),
  endpointsUnit('endpoints/a', ['10.0.0.1']),
];
const names = chain.map((unit) => unit.name).toSorted();

function members(view: View): string[] {
  return [...view.names()].toSorted();
}

describe('a view', () => {
  it('holds what its listeners reach, whatever the order in which units came', () => {
    for (const order of [chain, chain.toReversed()]) {
      const views = new Views();
      const view = views.of(['default']);
      for (const unit of order) views.update(delta([unit]));
      expect(members(view)).toEqual(names);
    }
  });

  it('holds nothing that only another audience reaches, nor what nobody reaches', () => {
    const views = new Views();
    views.update(
      delta([...chain, pipelineUnit('pipeline/loose', ['upstream/loose']), upstreamUnit('upstream/loose', null)]),
    );
    expect(members(views.of(['other']))).toEqual([]);
    expect(members(views.of(['default', 'other']))).toEqual(names);
  });

  it('loses everything below a listener that changes its audience, and the other view gains it', () => {
    const views = new Views();
    const [left, right] = [views.of(['default']), views.of(['right'])];
    views.update(delta(chain));
    views.update(delta([listenerUnit('listener/default/*:1', { audience: 'right' })]));
    expect(members(left)).toEqual([]);
    expect(left.version).toBe('0-0');
    expect(members(right)).toEqual(names);
  });

  it('keeps a pipeline that two rules share until the second lets go of it', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    views.update(
      delta([
        ownerUnit('owner/a', 'listener/default/*:1', { rules: ['rule/a', 'rule/b'] }),
        ruleUnit('rule/b', ['pipeline/a']),
      ]),
    );
    views.update(delta([ruleUnit('rule/a', [null])]));
    expect(view.has('pipeline/a')).toBe(true);
    views.update(delta([ruleUnit('rule/b', [null])]));
    expect(view.has('pipeline/a')).toBe(false);
    expect(view.has('endpoints/a')).toBe(false);
  });

  it('has a version that live units do not touch, and a digest that they do', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    const { version, seq } = view;
    expect(views.update(delta([endpointsUnit('endpoints/a', ['10.0.0.2'])]))).toEqual([view]);
    expect(view.version).toBe(version);
    expect(view.changedAfter(seq)).toEqual({ versioned: new Set(), live: new Set(['endpoints/a']) });
  });

  it('does not count a delta that changes nothing in it as a step', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    const { seq } = view;
    expect(views.update(delta(chain))).toEqual([]);
    expect(views.update(delta([pipelineUnit('pipeline/loose')]))).toEqual([]);
    expect(view.seq).toBe(seq);
  });

  it('knows at which step it had a digest, and forgets it when that is long ago', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    const digest = digestOf(view);
    const at = view.seq;
    expect(view.stepOf(digest)).toBe(at);
    views.update(delta([endpointsUnit('endpoints/a', ['10.0.0.9'])]));
    expect(view.stepOf(digest)).toBe(at);
    for (let i = 0; i < 2100; i++) views.update(delta([endpointsUnit('endpoints/a', [`10.1.${i >> 8}.${i & 255}`])]));
    expect(view.stepOf(digest)).toBe(null);
    expect(view.changedAfter(at)).toBe(null);
  });

  it('says when each unit got the content it has', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    views.update(delta([ruleUnit('rule/a', ['pipeline/a', null])]));
    expect(view.since('rule/a')).toBe(view.seq);
    expect(view.since('pipeline/a')).toBe(view.seq - 1);
    expect(view.since('nobody')).toBe(-1);
  });

  it('finds what differs from a table, with names that exist no more among the right ones', () => {
    const views = new Views();
    const view = views.of(['default']);
    views.update(delta(chain));
    const table = new Map(chain.map((unit) => [unit.name, unit.hash]));
    expect(view.differs(table)).toEqual({ versioned: new Set(), live: new Set() });
    table.set('rule/a', 'other');
    table.set('rule/gone', 'x');
    table.set('endpoints/gone', 'x');
    expect(view.differs(table)).toEqual({
      versioned: new Set(['rule/a', 'rule/gone']),
      live: new Set(['endpoints/gone']),
    });
  });
});

describe('the views together', () => {
  it('keep views that someone uses and only a few idle ones', () => {
    const views = new Views();
    const used = views.of(['used']);
    used.users++;
    for (let i = 0; i < 50; i++) views.of([`idle-${i}`]);
    expect([...views.list()].length).toBeLessThan(12);
    expect(views.of(['used'])).toBe(used);
  });

  it('give every audience the closure from scratch, after any sequence of changes', () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyStep, { minLength: 1, maxLength: 6 }), { maxLength: 25 }), (batches) => {
        const views = new Views();
        const audiences = [['a'], ['b'], ['a', 'b']];
        const early = audiences.map((some) => views.of(some));
        for (const view of early) view.users++;
        const units = new Map<string, AnyUnit>();
        for (const batch of batches) {
          const upserts = new Map<string, AnyUnit>();
          const removes = new Set<string>();
          for (const step of batch) {
            if (typeof step === 'string') {
              if (!upserts.has(step)) removes.add(step);
            } else upserts.set(step.name, step);
          }
          for (const name of removes) units.delete(name);
          for (const [name, unit] of upserts) units.set(name, unit);
          const before = early.map((view) => view.seq);
          views.update(delta([...upserts.values()], [...removes]));
          for (const [index, some] of audiences.entries()) {
            const view = early[index] as View;
            const expected = closure(units, some);
            expect(members(view)).toEqual([...expected.keys()].toSorted());
            expect(view.version).toBe(versionOf([...expected.values()].filter((unit) => !unitKinds[unit.kind].live)));
            expect(view.stepOf(versionOf(expected.values()))).toBe(view.seq);
            expect(view.changedAfter(before[index] as number)).not.toBe(null);
          }
        }
        // A view made late equals one that followed from the start.
        expect(members(views.of(['b', 'a', 'a']))).toEqual(members(early[2] as View));
        expect(new Views().of(['a']).version).toBe('0-0');
      }),
      { numRuns: 150 },
    );
  });
});

const some = (prefix: string): fc.Arbitrary<string> => fc.constantFrom(`${prefix}/0`, `${prefix}/1`, `${prefix}/2`);
const several = (prefix: string): fc.Arbitrary<string[]> => fc.uniqueArray(some(prefix), { maxLength: 2 });
const anyStep: fc.Arbitrary<AnyUnit | string> = fc.oneof(
  fc.tuple(some('listener'), fc.constantFrom('a', 'b')).map(([name, audience]) => listenerUnit(name, { audience })),
  fc
    .record({
      name: some('owner'),
      listener: some('listener'),
      rules: several('rule'),
      before: fc.option(some('pipeline')),
    })
    .map(({ name, listener, rules, before }) => ownerUnit(name, listener, { rules, before })),
  fc.tuple(some('rule'), several('pipeline')).map(([name, pipelines]) => ruleUnit(name, pipelines)),
  fc.tuple(some('pipeline'), several('upstream')).map(([name, upstreams]) => pipelineUnit(name, upstreams)),
  fc.tuple(some('upstream'), fc.option(some('endpoints'))).map(([name, endpoints]) => upstreamUnit(name, endpoints)),
  fc.tuple(some('endpoints'), several('10.0.0')).map(([name, ips]) => endpointsUnit(name, ips)),
  fc.constantFrom('listener', 'owner', 'rule', 'pipeline', 'upstream', 'endpoints').chain(some),
);

function closure(units: ReadonlyMap<string, AnyUnit>, audiences: readonly string[]): Map<string, AnyUnit> {
  const found = new Map<string, AnyUnit>();
  const visit = (name: string): void => {
    const unit = units.get(name);
    if (unit === undefined || found.has(name)) return;
    found.set(name, unit);
    for (const reference of unitReferences(unit)) visit(reference);
    for (const other of units.values())
      if (other.kind === 'owner' && other.content.listener === name) visit(other.name);
  };
  for (const unit of units.values()) {
    if (unit.kind === 'listener' && audiences.includes(unit.content.audience)) visit(unit.name);
  }
  return found;
}

function versionOf(units: Iterable<AnyUnit>): string {
  const version = new ViewVersion();
  for (const unit of units) version.add(unit.name, unit.hash);
  return version.toString();
}

function digestOf(view: View): string {
  return versionOf([...view.names()].flatMap((name) => view.unit(name) ?? []));
}
