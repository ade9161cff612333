// Pipelines for tests without an operator: a kind `Script` whose filters do what a test says, and a kit over the fake
// clock. Counters that threads would share live in a map, so that two pipelines built from one kit share them.

import { z } from 'zod';
import type { PipelineContent, Unit } from '#proxy/contract/units.ts';
import { defineFilterSchema } from '#proxy/filters/filter-schema.ts';
import { Context } from '#proxy/pipeline/context.ts';
import {
  type FilterDefinition,
  type FilterInstance,
  type HandleResult,
  type PipelineRequest,
  type RequestContext,
  defineFilter,
} from '#proxy/pipeline/filter.ts';
import { type FlowEnd, type PipelineKit, buildPipeline } from '#proxy/pipeline/pipeline.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { Upstream } from '#proxy/upstream/upstream.ts';
import { FakeClock } from './fake-clock.ts';

export type Script = (ctx: RequestContext) => HandleResult;

/** What happened to filter instances, in order: `create a`, `inherit a`, `dispose a`. */
export type Life = string[];

export function scriptedFilter(scripts: Readonly<Record<string, Script>>, life: Life = []): FilterDefinition {
  return defineFilter({
    schema: defineFilterSchema({
      kind: 'Script',
      description: 'Does what a test says.',
      spec: z.strictObject({ version: z.number().optional() }),
      results: ['failed', 'other'],
      status: 'stable',
      untrusted: 'yes',
      since: '0.1.0',
      inactive: [],
    }),
    create(spec, { name }): FilterInstance {
      const label = spec.version === undefined ? name : `${name}@${spec.version}`;
      life.push(`create ${label}`);
      return {
        handle: (ctx) => (scripts[name] ?? (() => ''))(ctx),
        inherit: () => life.push(`inherit ${label}`),
        dispose: () => life.push(`dispose ${label}`),
      };
    },
  });
}

export class TestKit implements PipelineKit {
  readonly clock = new FakeClock();
  readonly filters: Map<string, FilterDefinition>;
  readonly upstreams = new Map<string, Upstream>();
  readonly blocks = new Map<string, Int32Array>();
  previous: PipelineKit['previous'] = null;

  constructor(...definitions: FilterDefinition[]) {
    this.filters = new Map(definitions.map((definition) => [definition.schema.kind, definition]));
  }

  readonly now = (): number => this.clock.now();
  readonly timer = (ms: number, fn: () => void): (() => void) => this.clock.timer(ms, fn);
  readonly random = (): number => 0.5;

  readonly shared = (key: string, slots: number): Int32Array => {
    let block = this.blocks.get(key);
    if (block === undefined) {
      block = new Int32Array(new SharedArrayBuffer(slots * 4));
      this.blocks.set(key, block);
    }
    return block;
  };

  upstream(name: string): Upstream {
    const upstream = this.upstreams.get(name);
    if (upstream === undefined) throw new Error(`no upstream ${name}`);
    return upstream;
  }
}

type FlowNode = PipelineContent['flow'][number];

export interface PipelineText {
  readonly title?: string;
  /** Left out = all filters in order. */
  readonly flow?: readonly Partial<FlowNode>[];
  readonly filters?: readonly Partial<PipelineContent['filters'][number]>[];
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A pipeline unit; a filter without a kind is a `Script`. */
export function pipelineText(text: PipelineText): Unit<'pipeline'> {
  const flow = (text.flow ?? []).map((node) => ({ filter: '', alias: '', namespace: '', jumpIf: {}, ...node }));
  const filters = (text.filters ?? []).map((filter) => ({
    name: '',
    kind: 'Script',
    spec: {},
    upstreams: {},
    ...filter,
  }));
  const title = text.title ?? 'line';
  return {
    kind: 'pipeline',
    name: `pipeline/default/${title}`,
    hash: '',
    origins: [],
    content: { title, flow, filters, data: { ...text.data } },
  };
}

export function testRequest(target = '/', overrides: Partial<PipelineRequest> = {}): PipelineRequest {
  return {
    method: 'GET',
    target,
    authority: 'a.test',
    scheme: 'http',
    headers: HeaderList.of(['Host', 'a.test']),
    body: null,
    tunnel: null,
    ...overrides,
  };
}

export const testPeer = { address: '192.0.2.1', port: 4711, localAddress: '192.0.2.9', localPort: 80 };

export function testContext(request: PipelineRequest | null = testRequest()): Context {
  return new Context(request, { peer: testPeer, inform() {} }, '192.0.2.1');
}

export interface FlowRun {
  readonly ctx: Context;
  /** One entry per call of `done`. */
  readonly ends: FlowEnd[];
}

/** Builds a pipeline of scripts and starts it with a fresh context. */
export function startFlow(
  text: PipelineText,
  scripts: Readonly<Record<string, Script>>,
  ctx: Context = testContext(),
): FlowRun {
  const ends: FlowEnd[] = [];
  buildPipeline(pipelineText(text), new TestKit(scriptedFilter(scripts))).run(ctx, (end) => ends.push(end));
  return { ctx, ends };
}

/** `a(result)` per node that ran. */
export function nodesOf(ctx: Context): string[] {
  return ctx.traces.flatMap(({ steps }) => steps.map(({ node, result }) => `${node}(${result})`));
}
