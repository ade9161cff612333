// From a pipeline unit to a running pipeline: checks all that compile promised (a proxy may be older than its
// operator), resolves every jump to the index of its node, and builds or carries over the filters. Called by the
// runtime while it prepares a change; a throw rejects this unit and touches nothing that runs.

import type { FilterDefinition, FilterScope } from './filter.ts';
import type { PipelineContent, Unit } from '#proxy/contract/units.ts';
import type { Upstream } from '#proxy/upstream/upstream.ts';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { defaultNamespace } from './context.ts';
import { HeldFilter } from './held-filter.ts';
import { type FlowNode, PipelineInstance, endOfFlow } from './instance.ts';

export type { FlowEnd, PipelineInstance } from './instance.ts';

/** What building needs from the runtime. */
export interface PipelineKit {
  readonly filters: ReadonlyMap<string, FilterDefinition>;
  /** The upstream unit of that name. Throws when there is none. */
  upstream(unitName: string): Upstream;
  readonly now: () => number;
  readonly random: () => number;
  readonly timer: (ms: number, fn: () => void) => () => void;
  readonly shared: (key: string, slots: number) => Int32Array;
  /** What has this name now; its filters are carried over or inherited from. */
  readonly previous: PipelineInstance | null;
}

/** The unit cannot be built. `path` is the place inside its content. */
export class PipelineBuildError extends Error {
  readonly path: string;
  /** True when a newer operator may have meant something that this proxy does not know. */
  readonly unsupported: boolean;

  constructor(path: string, message: string, options: { unsupported?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PipelineBuildError';
    this.path = path;
    this.unsupported = options.unsupported ?? false;
  }
}

type FilterContent = PipelineContent['filters'][number];
type NodeContent = PipelineContent['flow'][number];

/** The caller holds the result: it must release() it once. */
export function buildPipeline(unit: Unit<'pipeline'>, kit: PipelineKit): PipelineInstance {
  const { content } = unit;
  checkNames(content);
  const flow = content.flow.length > 0 ? content.flow : content.filters.map((filter) => plainNode(filter.name));
  checkFlow(flow, content, kit.filters);

  const held = new Map<string, HeldFilter>();
  try {
    for (const [index, filter] of content.filters.entries()) {
      held.set(filter.name, holdFilter(filter, { unit, kit, path: `filters[${index}]` }));
    }
  } catch (error) {
    for (const filter of held.values()) filter.release();
    throw error;
  }
  return new PipelineInstance({
    name: unit.name,
    title: content.title,
    nodes: flow.map((node, index) => buildNode(node, index, flow, held)),
    filters: held,
    data: deepFreeze(structuredClone(content.data)),
    now: kit.now,
  });
}

function checkNames(content: PipelineContent): void {
  const seen = new Set<string>();
  for (const [index, { name }] of content.filters.entries()) {
    if (name === 'END') throw new PipelineBuildError(`filters[${index}].name`, 'END is no name for a filter');
    if (seen.has(name)) throw new PipelineBuildError(`filters[${index}].name`, `filter ${name} is stated twice`);
    seen.add(name);
  }
}

function checkFlow(
  flow: readonly NodeContent[],
  content: PipelineContent,
  definitions: ReadonlyMap<string, FilterDefinition>,
): void {
  for (const [index, node] of flow.entries()) {
    if (node.filter === 'END') continue;
    const filter = content.filters.find(({ name }) => name === node.filter);
    if (filter === undefined) {
      throw new PipelineBuildError(`flow[${index}].filter`, `the pipeline has no filter ${node.filter}`);
    }
    const results = definitions.get(filter.kind)?.schema.results;
    for (const result of Object.keys(node.jumpIf)) {
      if (result === '' || results === undefined || results.includes(result)) continue;
      throw new PipelineBuildError(`flow[${index}].jumpIf.${result}`, `${filter.kind} has no result ${result}`, {
        unsupported: true,
      });
    }
    for (const [result, target] of Object.entries(node.jumpIf)) resolveJump(flow, index, result, target);
  }
}

interface FilterPlace {
  readonly unit: Unit<'pipeline'>;
  readonly kit: PipelineKit;
  readonly path: string;
}

function holdFilter(content: FilterContent, place: FilterPlace): HeldFilter {
  const { kit, path, unit } = place;
  const definition = kit.filters.get(content.kind);
  if (definition === undefined) {
    throw new PipelineBuildError(`${path}.kind`, `filter kind ${content.kind} is not known`, { unsupported: true });
  }
  const upstreams = new Map<string, Upstream>();
  for (const [pool, name] of Object.entries(content.upstreams)) {
    try {
      upstreams.set(pool, kit.upstream(name));
    } catch (error) {
      throw new PipelineBuildError(`${path}.upstreams.${pool}`, messageOf(error), { cause: error });
    }
  }
  const specText = canonicalJson(content.spec);
  const former = kit.previous?.filters.get(content.name);
  if (former?.matches(content.kind, specText, upstreams) === true) return former.retain();

  const spec = parseSpec(definition, content, path);
  try {
    const instance = definition.create(spec, scopeOf(content, unit, kit, upstreams));
    if (former?.kind === content.kind) instance.inherit?.(former.instance);
    return new HeldFilter({ kind: content.kind, instance, spec: specText, upstreams });
  } catch (error) {
    throw new PipelineBuildError(`${path}.spec`, messageOf(error), { cause: error });
  }
}

/** Again, because this proxy may be older than its operator: a field that it does not know must not be passed over. */
function parseSpec(definition: FilterDefinition, content: FilterContent, path: string): Record<string, unknown> {
  const parsed = definition.schema.spec.safeParse(content.spec);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const inner = (issue?.path ?? []).map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  throw new PipelineBuildError(`${path}.spec${inner}`, issue?.message ?? 'invalid', { unsupported: true });
}

/** A longer one would run at once (setTimeout takes 31 bits). */
const longestTimer = 2 ** 31 - 1;

function scopeOf(
  content: FilterContent,
  unit: Unit<'pipeline'>,
  kit: PipelineKit,
  upstreams: ReadonlyMap<string, Upstream>,
): FilterScope {
  return {
    name: content.name,
    pipeline: unit.content.title,
    upstream(path) {
      const upstream = upstreams.get(path);
      if (upstream === undefined) throw new Error(`no upstream for ${path}`);
      return upstream;
    },
    now: kit.now,
    random: kit.random,
    timer: (ms, fn) => kit.timer(Math.min(ms, longestTimer), fn),
    shared: (key, slots) => kit.shared(`${unit.name}/${content.name}/${key}`, slots),
  };
}

function buildNode(
  node: NodeContent,
  index: number,
  flow: readonly NodeContent[],
  held: ReadonlyMap<string, HeldFilter>,
): FlowNode {
  const entries = Object.entries(node.jumpIf);
  return {
    name: nodeName(node),
    namespace: node.namespace === '' ? defaultNamespace : node.namespace,
    filter: held.get(node.filter)?.instance ?? null,
    jumps:
      entries.length === 0
        ? null
        : new Map(entries.map(([result, target]) => [result, resolveJump(flow, index, result, target)])),
  };
}

/** Index of the one later node that `target` names. */
function resolveJump(flow: readonly NodeContent[], index: number, result: string, target: string): number {
  if (target === 'END') return endOfFlow;
  const path = `flow[${index}].jumpIf.${result}`;
  let found = endOfFlow;
  for (let i = index + 1; i < flow.length; i++) {
    if (nodeName(flow[i] as NodeContent) !== target) continue;
    if (found !== endOfFlow) throw new PipelineBuildError(path, `two later nodes are called ${target}`);
    found = i;
  }
  if (found === endOfFlow) throw new PipelineBuildError(path, `no later node is called ${target}`);
  return found;
}

function nodeName(node: NodeContent): string {
  return node.alias === '' ? node.filter : node.alias;
}

function plainNode(filter: string): NodeContent {
  return { filter, alias: '', namespace: '', jumpIf: {} };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Requests share the pipeline's data, so no filter may change it. */
function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
