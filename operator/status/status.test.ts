import { describe, expect, it } from 'vitest';
import { diagnostic } from '#proxy/contract/diagnostics.ts';
import { createCompiler } from '#operator/compile/compile.ts';
import type { RawObject } from '#operator/resources/object.ts';
import type { ObjectChange } from '#operator/store/store.ts';
import type { AckState, SessionAcks } from './acks.ts';
import { printChanges, printTable } from './print.ts';
import { createStatusTable, type ObjectStatus } from './status.ts';

const object = (kind: string, name: string, spec: Record<string, unknown>, generation = 1): RawObject => ({
  kind,
  namespace: 'default',
  name,
  createdAt: '',
  generation,
  labels: {},
  annotations: {},
  spec,
  location: `${name}.yaml:1`,
  imported: false,
});

const server = (name: string, backend: string, generation = 1): RawObject =>
  object('HTTPServer', name, { port: 8080, rules: [{ host: `${name}.io`, paths: [{ backend }] }] }, generation);
const pipeline = (name: string, body: string): RawObject =>
  object('Pipeline', name, { filters: [{ name: 'mock', kind: 'Mock', rules: [{ match: {}, code: 200, body }] }] });
const upsert = (one: RawObject): ObjectChange => ({ type: 'upsert', object: one });

/** One proxy that runs whatever it was told to run. */
function fleetOf(units: () => ReadonlyMap<string, { readonly unit: { readonly hash: string } }>): AckState {
  const applied = new Map<string, string>();
  for (const [name, { unit }] of units()) applied.set(name, unit.hash);
  const session: SessionAcks = {
    id: 's',
    proxy: 'proxy-1',
    quarantined: false,
    holds: (unit) => units().has(unit),
    applied: (unit) => applied.get(unit),
    rejected: new Map(),
  };
  return { sessions: [session] };
}

function start(...objects: RawObject[]) {
  const compiler = createCompiler();
  const table = createStatusTable(() => 0);
  const change = (...changes: ObjectChange[]) => table.update({ objects: changes, delta: compiler.update(changes) });
  const ack = (acked: Iterable<string> | 'all') => table.update({ acks: fleetOf(() => compiler.units()), acked });
  change(...objects.map(upsert));
  ack('all');
  return { compiler, table, change, ack };
}

const programmed = (status: ObjectStatus | null | undefined): string | undefined => status?.conditions[2]?.status;

describe('status table', () => {
  it('gives every object of ours its conditions and leaves Kubernetes objects alone', () => {
    const { table } = start(server('a', 'p'), pipeline('p', 'x'), object('Service', 's', { ports: [{ port: 80 }] }));
    expect([...table.all].map(([key, status]) => [key, programmed(status)])).toEqual([
      ['HTTPServer/default/a', 'True'],
      ['Pipeline/default/p', 'True'],
    ]);
  });

  it('tells only the objects that a change touches', () => {
    const { change, ack } = start(server('a', 'p'), server('b', 'q'), pipeline('p', 'x'), pipeline('q', 'x'));
    const changed = change(upsert({ ...pipeline('p', 'y'), generation: 2 }));
    expect([...changed.keys()]).toEqual(['Pipeline/default/p']);
    expect(programmed(changed.get('Pipeline/default/p'))).toBe('Unknown');
    const acked = ack(['pipeline/default/p']);
    expect([...acked].map(([key, status]) => [key, programmed(status)])).toEqual([['Pipeline/default/p', 'True']]);
  });

  it('an edit of the server that decides a port asks about no other server', () => {
    const { compiler, table, change } = start(server('a', 'p'), server('b', 'p'), pipeline('p', 'x'));
    const asked: string[] = [];
    const [session] = fleetOf(() => compiler.units()).sessions as [SessionAcks];
    table.update({ acks: { sessions: [{ ...session, holds: (unit) => (asked.push(unit), true) }] } });
    change(upsert({ ...server('a', 'p', 2), spec: { ...server('a', 'p').spec, xForwardedFor: true } }));
    expect(asked).toContain('owner/HTTPServer/default/a');
    expect(asked).not.toContain('owner/HTTPServer/default/b');
  });

  it('says nothing when nothing changed', () => {
    const { table, ack } = start(server('a', 'p'), pipeline('p', 'x'));
    expect(ack('all').size).toBe(0);
    expect(table.update({}).size).toBe(0);
  });

  it('tells the server when its pipeline goes, and the pipeline as gone', () => {
    const { change } = start(server('a', 'p'), pipeline('p', 'x'));
    const changed = change({ type: 'delete', key: 'Pipeline/default/p' });
    expect(printChanges(changed, (key) => (key.startsWith('HTTP') ? 'a.yaml:1' : ''))).toEqual([
      'HTTPServer default/a (a.yaml:1): unresolved (PipelineNotFound), spec.rules[0].paths[0].backend: Pipeline default/p does not exist; create it or correct the name; programmed',
      'Pipeline default/p: removed',
    ]);
  });

  it('an edit that changes no bytes is programmed at once under its new generation', () => {
    const { change } = start(server('a', 'p'), pipeline('p', 'x'));
    const edited = { ...pipeline('p', 'x'), generation: 2 };
    const changed = change(upsert({ ...edited, spec: { ...edited.spec, flow: [] } }));
    expect(changed.get('Pipeline/default/p')?.conditions[2]).toMatchObject({ status: 'True', observedGeneration: 2 });
  });

  it('a port that cannot be opened is told on every server of it, also when the one that decided it goes', () => {
    const { compiler, table, change } = start(server('a', 'p'), server('b', 'p'), pipeline('p', 'x'));
    const listener = 'listener/default/*:8080';
    const refusal = diagnostic('PortInUse', { kind: 'HTTPServer', namespace: 'default', name: 'a' }, '', 'in use');
    const [session] = fleetOf(() => compiler.units()).sessions as [SessionAcks];
    const refusing = { ...session, rejected: new Map([[listener, [refusal]]]) };
    const changed = table.update({ acks: { sessions: [refusing] }, acked: [listener] });
    expect([...changed].map(([key, status]) => [key, status?.conditions[2]?.reason])).toEqual([
      ['HTTPServer/default/a', 'PortInUse'],
      ['HTTPServer/default/b', 'PortInUse'],
    ]);
    change({ type: 'delete', key: 'HTTPServer/default/a' });
    expect(table.all.get('HTTPServer/default/b')?.conditions[2]?.reason).toBe('PortInUse');
    const moved = change(upsert({ ...server('b', 'p', 2), spec: { ...server('b', 'p').spec, port: 8081 } }));
    expect(moved.get('HTTPServer/default/b')?.conditions[2]?.reason).toBe('Pending');
    change({ type: 'delete', key: 'HTTPServer/default/b' });
    expect([...table.all.keys()]).toEqual(['Pipeline/default/p']);
  });

  it('shares a unit among the objects that it comes from', () => {
    const filter = object('Filter', 'f', { kind: 'Mock', rules: [{ match: {}, code: 200 }] });
    const user = object('Pipeline', 'p', { filters: [{ name: 'mock', filterRef: { name: 'f' } }] });
    const { change, ack } = start(filter, user);
    const edited = { ...filter, generation: 2, spec: { kind: 'Mock', rules: [{ match: {}, code: 404 }] } };
    expect(programmed(change(upsert(edited)).get('Filter/default/f'))).toBe('Unknown');
    expect([...ack(['pipeline/default/p']).keys()]).toEqual(['Filter/default/f']);
    const gone = change(upsert({ ...user, spec: pipeline('p', 'x').spec }));
    expect(gone.get('Filter/default/f')?.conditions[2]).toMatchObject({ status: 'False', reason: 'Unused' });
  });

  it('touches two statuses of ten thousand for one ack', () => {
    const many = Array.from({ length: 5000 }, (_, i) => [server(`s${i}`, `p${i}`), pipeline(`p${i}`, 'x')]).flat();
    const { table, change } = start(...many);
    let asked = 0;
    const counting = (acks: AckState): AckState => ({
      sessions: acks.sessions.map((session) => ({ ...session, applied: (unit) => (asked++, session.applied(unit)) })),
    });
    change(upsert({ ...pipeline('p7', 'y'), generation: 2 }));
    table.update({ acks: counting({ sessions: [] }), acked: [] });
    const acks = counting(fleetOf(() => new Map()));
    table.update({
      acks: { sessions: acks.sessions.map((each) => ({ ...each, holds: () => true })) },
      acked: ['pipeline/default/p7'],
    });
    expect(asked).toBe(1);
  });
});

describe('printing', () => {
  it('shows all objects in a table', () => {
    const { table } = start(server('a', 'p'), server('b', 'nothing'), pipeline('p', 'x'), pipeline('q', 'x'));
    expect(printTable(table.all).split('\n')).toEqual([
      'KIND        OBJECT     ACCEPTED  RESOLVEDREFS            PROGRAMMED  MESSAGE',
      'HTTPServer  default/a  True      True                    True',
      'HTTPServer  default/b  True      False PipelineNotFound  True        spec.rules[0].paths[0].backend: Pipeline default/nothing does not exist; create it or correct the name',
      'Pipeline    default/p  True      True                    True',
      'Pipeline    default/q  True      True                    True',
    ]);
  });

  it('lets no manifest steer the terminal', () => {
    const found = diagnostic(
      'InvalidField',
      { kind: 'Pipeline', namespace: 'default', name: 'p' },
      'spec',
      'red \u001b[31m\nnext',
    );
    const { table } = start(pipeline('p', 'x'));
    const changed = table.update({
      delta: { upserts: [], removes: [], diagnostics: new Map([['Pipeline/default/p', [found]]]) },
    });
    expect(printChanges(changed)).toEqual([
      'Pipeline default/p: not accepted (InvalidField), spec: red �[31m�next; programmed',
    ]);
  });

  it('tells every finding of a refused object, and not that it does not run', () => {
    const about = { kind: 'Pipeline', namespace: 'default', name: 'p' };
    const found = Array.from({ length: 13 }, (_, i) => diagnostic('InvalidField', about, `spec.f${i}`, 'is wrong'));
    const table = createStatusTable(() => 0);
    const changed = table.update({
      objects: [upsert(pipeline('p', 'x'))],
      delta: { upserts: [], removes: [], diagnostics: new Map([['Pipeline/default/p', found]]) },
    });
    const [first, ...rest] = printChanges(changed).join('\n').split('\n');
    expect(first).toBe('Pipeline default/p: not accepted (InvalidField), spec.f0: is wrong (and 12 more)');
    expect([rest.length, rest[0], rest.at(-1)]).toEqual([11, '    spec.f1: is wrong', '    and 2 more']);
  });
});
