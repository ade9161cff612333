import { describe, expect, it } from 'vitest';
import type { RawObject } from '#operator/resources/object.ts';
import { rawObject } from '#test/support/objects.ts';
import { compile, createCompiler, type CompileChange } from './compile.ts';

const server = (name: string, spec: Record<string, unknown> = {}): RawObject =>
  rawObject('HTTPServer', name, {
    port: 8080,
    rules: [{ host: `${name}.io`, paths: [{ path: '/x', backend: `p-${name}` }] }],
    ...spec,
  });
const pipeline = (name: string, spec: Record<string, unknown> = {}): RawObject =>
  rawObject('Pipeline', `p-${name}`, {
    filters: [{ name: 'proxy', kind: 'Proxy', pools: [{ service: { name: 'shop', port: 80 } }] }],
    ...spec,
  });
const service = (spec: Record<string, unknown> = { ports: [{ port: 80 }] }): RawObject =>
  rawObject('Service', 'shop', spec);
const slice = (address: string): RawObject =>
  rawObject(
    'EndpointSlice',
    'shop-1',
    { addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ port: 8080 }] },
    { labels: { 'kubernetes.io/service-name': 'shop' } },
  );
const upsert = (object: RawObject): CompileChange => ({ type: 'upsert', object });

/** A compiler over some objects, and what one more change makes it do. */
function over(...objects: RawObject[]) {
  let steps: string[] = [];
  const compiler = createCompiler({ portMode: 'files', trace: (step) => steps.push(step) });
  compiler.update(objects.map(upsert));
  return {
    compiler,
    change: (...changes: CompileChange[]) => {
      steps = [];
      const { upserts, removes, diagnostics } = compiler.update(changes);
      return { steps, upserts: upserts.map(({ unit }) => unit.name), removes, diagnostics: [...diagnostics.keys()] };
    },
  };
}

const world = (): RawObject[] => ['a', 'b', 'c'].flatMap((name) => [server(name), pipeline(name)]);

describe('what a change costs', () => {
  it('an object told again, or in another place of its file, costs nothing', () => {
    const { change } = over(...world());
    expect(change(upsert({ ...server('a'), location: 'web.yaml:99', generation: 2 }))).toEqual({
      steps: [],
      upserts: [],
      removes: [],
      diagnostics: [],
    });
  });

  it('the inside of a pipeline costs that pipeline and no server', () => {
    const { change } = over(...world());
    const { steps, upserts } = change(upsert(pipeline('a', { data: { x: 1 } })));
    expect(steps).toEqual(['pipeline Pipeline/default/p-a', 'pipeline-state Pipeline/default/p-a']);
    expect(upserts).toEqual(['pipeline/default/p-a', 'upstream/default/p-a/proxy/pools[0]']);
  });

  it('a pipeline that is refused costs the servers that name it', () => {
    const { change } = over(...world());
    const { steps, upserts, removes, diagnostics } = change(upsert(pipeline('a', { filters: [] })));
    expect(steps).toContain('server HTTPServer/default/a');
    expect(steps).not.toContain('server HTTPServer/default/b');
    expect(upserts).toEqual(['rule/HTTPServer/default/a/0']);
    expect(removes).toEqual(['pipeline/default/p-a', 'upstream/default/p-a/proxy/pools[0]']);
    expect(diagnostics.toSorted()).toEqual(['HTTPServer/default/a', 'Pipeline/default/p-a']);
  });

  it('a server that comes to a port or goes costs no other server, even when it decided the port', () => {
    const { change } = over(...world());
    const gone = change({ type: 'delete', key: 'HTTPServer/default/a' });
    expect(gone.steps.filter((step) => step.startsWith('server '))).toEqual([]);
    expect(gone.upserts).toEqual(['listener/default/*:8080']);
    const back = change(upsert(server('a')));
    expect(back.steps.filter((step) => step.startsWith('server '))).toEqual(['server HTTPServer/default/a']);
  });

  it('endpoints that move cost one live unit', () => {
    const { change } = over(...world(), service(), slice('10.0.0.1'));
    const { steps, upserts } = change(upsert(slice('10.0.0.2')));
    expect(steps.toSorted()).toEqual(['endpoints default/shop/80', 'findings EndpointSlice/default/shop-1']);
    expect(upserts).toEqual(['endpoints/default/shop/80']);
  });
});

describe('a server with many rules', () => {
  const rules = (changed: string): unknown[] =>
    Array.from({ length: 40 }, (_, i) => ({
      host: `r${i}.io`,
      paths: [
        { path: '/x', backend: i === 7 ? changed : 'p-a' },
        { path: '/y', backend: 'p-a' },
      ],
    }));

  it('an edit of one rule makes that rule alone again, and asks nobody who has the hosts of the others', () => {
    const big = (changed: string): RawObject => server('a', { rules: rules(changed) });
    const { compiler, change } = over(big('p-a'), pipeline('a'), pipeline('b'), service());
    const before = new Map(compiler.units());
    const { steps } = change(upsert(big('p-b')));
    expect(steps.filter((step) => step.startsWith('host-owner'))).toEqual([]);
    const anew = [...compiler.units()].filter(([name, { unit }]) => before.get(name)?.unit.content !== unit.content);
    const rulesAnew = anew.map(([name]) => name).filter((name) => name.startsWith('rule/'));
    expect(rulesAnew).toEqual(['rule/HTTPServer/default/a/7']);
  });

  it('a rule that is one and the same object in several places keeps places and namespaces apart', () => {
    const rule = { host: 'x.io', paths: [{ path: '/x', backend: 'p-a' }] };
    const again = structuredClone(rule);
    const none = { host: 'x.io', paths: [{ path: '/none' }] };
    const mock = pipeline('a', { filters: [{ name: 'm', kind: 'Mock' }] });
    const objects = ['default', 'other'].flatMap((namespace) => [
      { ...server('a', { rules: [rule] }), namespace },
      { ...server('b', { rules: [again, none, again, none] }), namespace },
      { ...mock, namespace },
    ]);
    const { upserts, diagnostics } = compile(objects);
    const served = upserts.map(({ unit }) => (unit.kind === 'rule' ? unit.content.paths[0]?.pipeline : undefined));
    expect(served.filter((one) => one !== undefined)).toEqual(
      ['default', 'other'].flatMap((namespace) => {
        const name = `pipeline/${namespace}/p-a`;
        return [name, name, null, name, null];
      }),
    );
    expect(diagnostics.get('HTTPServer/other/b')?.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['spec.rules[1].paths[0]', 'spec.rules[3].paths[0]']),
    );
  });

  it('a rule that moves is told by its new place', () => {
    const none = { host: 'x.io', paths: [{ path: '/none' }, { path: '/x', backend: 'absent' }] };
    const { compiler, change } = over(server('a', { rules: [none] }));
    change(upsert(server('a', { rules: [{ host: 'y.io', paths: [] }, structuredClone(none)] })));
    expect(
      compiler
        .diagnostics()
        .get('HTTPServer/default/a')
        ?.map(({ path }) => path),
    ).toEqual(['spec.rules[1].paths[0]', 'spec.rules[1].paths[1].backend']);
  });
});

describe('compile', () => {
  it('makes endpoints only while some upstream wants them', () => {
    const { compiler, change } = over(service(), slice('10.0.0.1'));
    expect([...compiler.units().keys()]).toEqual([]);
    expect(change(upsert(pipeline('a'))).upserts).toContain('endpoints/default/shop/80');
    expect(change({ type: 'delete', key: 'Pipeline/default/p-a' }).removes).toContain('endpoints/default/shop/80');
  });

  it('tells inputs apart that give the same bytes, so that status can follow an edit', () => {
    const { compiler, change } = over(pipeline('a'));
    const before = compiler.units().get('pipeline/default/p-a');
    expect(change(upsert(pipeline('a', { flow: [] }))).upserts).toContain('pipeline/default/p-a');
    const after = compiler.units().get('pipeline/default/p-a');
    expect(after?.unit.hash).toBe(before?.unit.hash);
    expect(after?.inputs).not.toBe(before?.inputs);
  });

  it('leaves HTTPServers of another class alone, findings included', () => {
    const other = server('a', { className: 'other', nonsense: 1 });
    expect(compile([other])).toEqual({ upserts: [], removes: [], diagnostics: new Map() });
    expect(compile([other], { portMode: 'files', className: 'other' }).upserts.length).toBe(3);
  });

  it('does not change its input', () => {
    const frozen = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      Object.freeze(value);
      Object.values(value).forEach(frozen);
    };
    const objects = [...world(), service(), slice('10.0.0.1')];
    objects.forEach(frozen);
    expect(() => compile(objects)).not.toThrow();
  });

  it('takes the first of two that have one name in a batch as overwritten by the second', () => {
    const { compiler } = over(pipeline('a', { filters: [] }), pipeline('a'));
    expect(
      compiler
        .diagnostics()
        .get('Pipeline/default/p-a')
        ?.map(({ code }) => code),
    ).toEqual(['ServiceNotFound']);
  });
});
