import { describe, expect, it } from 'vitest';
import {
  type Life,
  type PipelineText,
  TestKit,
  pipelineText,
  scriptedFilter,
  testContext,
} from '#test/support/pipeline-kit.ts';
import type { Upstream } from '#proxy/upstream/upstream.ts';
import { pending } from './filter.ts';
import { PipelineBuildError, type PipelineInstance, buildPipeline } from './pipeline.ts';

const two: PipelineText['filters'] = [{ name: 'a' }, { name: 'b' }];

function errorOf(build: () => unknown): PipelineBuildError {
  try {
    build();
  } catch (error) {
    if (error instanceof PipelineBuildError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('building refuses', () => {
  it.each<[string, PipelineText, string, RegExp]>([
    ['a filter called END', { filters: [{ name: 'END' }] }, 'filters[0].name', /END/],
    ['a filter name used twice', { filters: [{ name: 'a' }, { name: 'a' }] }, 'filters[1].name', /twice/],
    ['an unknown kind', { filters: [{ name: 'a', kind: 'Nope' }] }, 'filters[0].kind', /Nope/],
    ['a field of the spec that is not known', { filters: [{ name: 'a', spec: { x: 1 } }] }, 'filters[0].spec', /x/],
    ['a field of the wrong type', { filters: [{ name: 'a', spec: { version: '1' } }] }, 'filters[0].spec.version', /./],
    ['a flow node without a filter', { filters: two, flow: [{ filter: 'c' }] }, 'flow[0].filter', /c/],
    [
      'a result that the kind does not declare',
      { filters: two, flow: [{ filter: 'a', jumpIf: { nope: 'END' } }] },
      'flow[0].jumpIf.nope',
      /no result nope/,
    ],
    [
      'a jump backwards',
      { filters: two, flow: [{ filter: 'a' }, { filter: 'b', jumpIf: { failed: 'a' } }] },
      'flow[1].jumpIf.failed',
      /no later node/,
    ],
    [
      'a jump to itself',
      { filters: two, flow: [{ filter: 'a', jumpIf: { failed: 'a' } }] },
      'flow[0].jumpIf.failed',
      /no later node/,
    ],
    [
      'a jump to the filter name of an aliased node',
      {
        filters: two,
        flow: [
          { filter: 'a', jumpIf: { failed: 'b' } },
          { filter: 'b', alias: 'x' },
        ],
      },
      'flow[0].jumpIf.failed',
      /no later node/,
    ],
    [
      'a jump that two later nodes could mean',
      { filters: two, flow: [{ filter: 'a', jumpIf: { failed: 'b' } }, { filter: 'b' }, { filter: 'b' }] },
      'flow[0].jumpIf.failed',
      /two later nodes/,
    ],
    [
      'an upstream that does not exist',
      { filters: [{ name: 'a', upstreams: { 'pools[0]': 'upstream/x' } }] },
      'filters[0].upstreams.pools[0]',
      /upstream\/x/,
    ],
  ])('%s', (_, text, path, message) => {
    const error = errorOf(() => buildPipeline(pipelineText(text), new TestKit(scriptedFilter({}))));
    expect(error.path).toBe(path);
    expect(error.message).toMatch(message);
  });

  it('a filter that cannot be created, and gives back those it had', () => {
    const life: Life = [];
    const broken = {
      ...scriptedFilter({}),
      create() {
        throw new Error('no such file');
      },
    };
    const kit = new TestKit(scriptedFilter({}, life), { ...broken, schema: { ...broken.schema, kind: 'Broken' } });
    const text = { filters: [{ name: 'a' }, { name: 'b', kind: 'Broken' }] };
    const error = errorOf(() => buildPipeline(pipelineText(text), kit));
    expect(error).toMatchObject({ path: 'filters[1].spec', message: 'no such file' });
    expect(life).toEqual(['create a', 'dispose a']);
  });

  it.each<[string, PipelineText, boolean]>([
    ['kind', { filters: [{ name: 'a', kind: 'Nope' }] }, true],
    ['field', { filters: [{ name: 'a', spec: { x: 1 } }] }, true],
    ['jump', { filters: two, flow: [{ filter: 'a', jumpIf: { failed: 'a' } }] }, false],
  ])('an unknown %s as unsupported only where a newer operator may know it', (_, text, unsupported) => {
    expect(errorOf(() => buildPipeline(pipelineText(text), new TestKit(scriptedFilter({})))).unsupported).toBe(
      unsupported,
    );
  });
});

describe('an update', () => {
  function versions(...texts: PipelineText[]): { life: Life; built: PipelineInstance[] } {
    const life: Life = [];
    const kit = new TestKit(scriptedFilter({}, life));
    const built: PipelineInstance[] = [];
    for (const text of texts) {
      kit.previous = built.at(-1) ?? null;
      built.push(buildPipeline(pipelineText(text), kit));
    }
    return { life, built };
  }

  it('carries a filter over when its spec is the same, and disposes it with the last pipeline that has it', () => {
    const { life, built } = versions(
      { filters: [{ name: 'a', spec: { version: 1 } }] },
      { filters: [{ name: 'a', spec: { version: 1 } }], data: { changed: true } },
    );
    expect(life).toEqual(['create a@1']);
    built[0]?.release();
    expect(life).toEqual(['create a@1']);
    built[1]?.release();
    expect(life).toEqual(['create a@1', 'dispose a@1']);
  });

  it('lets a changed filter inherit from the one of its name and kind', () => {
    const { life, built } = versions(
      { filters: [{ name: 'a', spec: { version: 1 } }, { name: 'b' }] },
      { filters: [{ name: 'a', spec: { version: 2 } }, { name: 'c' }] },
    );
    expect(life).toEqual(['create a@1', 'create b', 'create a@2', 'inherit a@2', 'create c']);
    built[0]?.release();
    expect(life.slice(5)).toEqual(['dispose a@1', 'dispose b']);
  });

  it('starts anew when the kind under a name has changed', () => {
    const life: Life = [];
    const other = scriptedFilter({}, life);
    const kit = new TestKit(scriptedFilter({}, life), { ...other, schema: { ...other.schema, kind: 'Other' } });
    kit.previous = buildPipeline(pipelineText({ filters: [{ name: 'a' }] }), kit);
    buildPipeline(pipelineText({ filters: [{ name: 'a', kind: 'Other' }] }), kit);
    expect(life).toEqual(['create a', 'create a']);
  });

  it('builds a filter again when an upstream of the same name is another one', () => {
    const life: Life = [];
    const kit = new TestKit(scriptedFilter({}, life));
    const text = { filters: [{ name: 'a', upstreams: { 'pools[0]': 'u' } }] };
    kit.upstreams.set('u', { name: 'u' } as Upstream);
    kit.previous = buildPipeline(pipelineText(text), kit);
    buildPipeline(pipelineText(text), kit);
    expect(life).toEqual(['create a']);
    kit.upstreams.set('u', { name: 'u' } as Upstream);
    buildPipeline(pipelineText(text), kit);
    expect(life).toEqual(['create a', 'create a', 'inherit a']);
  });

  it('that is given up leaves the running pipeline whole', () => {
    const { life, built } = versions(
      { filters: [{ name: 'a' }, { name: 'b', spec: { version: 1 } }] },
      { filters: [{ name: 'a' }, { name: 'b', spec: { version: 2 } }] },
    );
    built[1]?.release();
    expect(life.slice(2)).toEqual(['create b@2', 'inherit b@2', 'dispose b@2']);
  });
});

describe('a replaced pipeline', () => {
  it('disposes its filters only when the last request is done', () => {
    const life: Life = [];
    const pipeline = buildPipeline(
      pipelineText({ filters: [{ name: 'a' }] }),
      new TestKit(scriptedFilter({ a: () => pending }, life)),
    );
    const ctx = testContext();
    pipeline.retain();
    pipeline.run(ctx, () => pipeline.release());
    pipeline.release();
    expect(life).toEqual(['create a']);
    ctx.complete('');
    expect(life).toEqual(['create a', 'dispose a']);
    expect(pipeline.uses).toBe(0);
  });

  it('that is released too often is a bug, not a silent one', () => {
    const pipeline = buildPipeline(pipelineText({ filters: two }), new TestKit(scriptedFilter({})));
    pipeline.release();
    expect(() => pipeline.release()).toThrow(/released more often/);
  });
});

describe('the scope of a filter', () => {
  it('never arms a timer that would run at once because it is too long', () => {
    const kit = new TestKit({
      ...scriptedFilter({}),
      create(_, scope) {
        scope.timer(1e15, () => {
          throw new Error('ran');
        });
        return { handle: () => '' };
      },
    });
    buildPipeline(pipelineText({ filters: [{ name: 'a' }] }), kit);
    kit.clock.advance(2 ** 31 - 2);
    expect(kit.clock.pending).toBe(1);
    expect(() => kit.clock.advance(1)).toThrow('ran');
  });

  it('keys shared counters by pipeline, filter and key', () => {
    const kit = new TestKit({
      ...scriptedFilter({}),
      create(_, scope) {
        scope.shared('k', 2);
        return { handle: () => '' };
      },
    });
    buildPipeline(pipelineText({ filters: two }), kit);
    expect([...kit.blocks.keys()]).toEqual(['pipeline/default/line/a/k', 'pipeline/default/line/b/k']);
  });
});
