// Pipeline units with the upstreams of their filters: from Pipeline objects, from the two sides of a GlobalFilter, and
// from the pool that stands in a path of an HTTPServer. A pipeline with any error gives no units at all: without one of
// its filters it could do something more open than meant. Whoever refers to it answers 503.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { PipelineContent } from '#proxy/contract/units.ts';
import { filterSchemas, type Pool } from '#proxy/filters/schemas.ts';
import { isObjectName } from '#proxy/primitives/names.ts';
import type { FilterEntry, PipelineSpec } from '#operator/resources/pipeline.ts';
import { emit, type Output, sameOutput, type Source } from './emit.ts';
import { compileFlow } from './flow.ts';
import type { CellKind, Reader } from './graph.ts';
import { objects, type Parsed } from './inputs.ts';
import { filterNamed, type Place } from './references.ts';
import type { CompiledUnit } from './result.ts';
import { takePools } from './upstreams.ts';

/** How others see a pipeline: enough for them not to run again while only its inside changes. */
export type PipelineState = 'missing' | 'refused' | 'sound';

interface PipelineOutput extends Output {
  readonly sound: boolean;
}

const nothing: PipelineOutput = { units: [], diagnostics: [], sound: false };

/** Key: the Pipeline's object key. */
export const pipelineCell: CellKind<PipelineOutput> = {
  name: 'pipeline',
  level: 3,
  same: (before, after) => before.sound === after.sound && sameOutput(before, after),
  compute(key, read) {
    const parsed = read.get(objects, key) as Parsed<'Pipeline'> | null;
    if (parsed === null) return nothing;
    const { source, object, imported, diagnostics } = parsed;
    if (object === null) return { ...nothing, diagnostics };
    const { namespace, name } = source.origin;
    if (name.startsWith(generatedPrefix)) {
      const message = `names that begin with ${generatedPrefix} belong to pipelines made from a \`backendPool\`; choose another`;
      return { ...nothing, diagnostics: [...diagnostics, diagnostic('InvalidName', source.origin, '', message)] };
    }
    const compiled = compilePipeline(read, {
      spec: object.spec,
      key: `${namespace}/${name}`,
      title: titleOf(namespace, name),
      source,
      imported,
      path: 'spec',
    });
    return { ...compiled, diagnostics: [...diagnostics, ...compiled.diagnostics] };
  },
};

export const pipelineStateCell: CellKind<PipelineState> = {
  name: 'pipeline-state',
  level: 4,
  same: (before, after) => before === after,
  compute(key, read) {
    if (read.get(objects, key) === null) return 'missing';
    return read.get(pipelineCell, key).sound ? 'sound' : 'refused';
  },
};

/** Key: the GlobalFilter's object key. */
export const globalFilterCell: CellKind<PipelineOutput> = {
  name: 'global-filter',
  level: 3,
  same: (before, after) => before.sound === after.sound && sameOutput(before, after),
  compute(key, read) {
    const parsed = read.get(objects, key) as Parsed<'GlobalFilter'> | null;
    if (parsed === null) return nothing;
    const { source, object, imported, diagnostics } = parsed;
    if (object === null) return { ...nothing, diagnostics };
    const { namespace, name } = source.origin;
    const sides = (['before', 'after'] as const).flatMap((side) => {
      const spec = object.spec[`${side}Pipeline`];
      if (spec === null) return [];
      const title = `${titleOf(namespace, name)}#${side}`;
      const path = `spec.${side}Pipeline`;
      return [compilePipeline(read, { spec, key: `${namespace}/${name}/${side}`, title, source, imported, path })];
    });
    const sound = sides.every((side) => side.sound);
    return {
      units: sound ? sides.flatMap(({ units }) => units) : [],
      diagnostics: [...diagnostics, ...sides.flatMap((side) => side.diagnostics)],
      sound,
    };
  },
};

/** What an HTTPServer needs of a GlobalFilter. */
export interface GlobalFilterState {
  readonly state: PipelineState;
  readonly before: string | null;
  readonly after: string | null;
  readonly fallthrough: { readonly beforePipeline: boolean; readonly pipeline: boolean };
}

export const globalFilterStateCell: CellKind<GlobalFilterState> = {
  name: 'global-filter-state',
  level: 4,
  same: (a, b) =>
    a.state === b.state &&
    a.before === b.before &&
    a.after === b.after &&
    a.fallthrough.beforePipeline === b.fallthrough.beforePipeline &&
    a.fallthrough.pipeline === b.fallthrough.pipeline,
  compute(key, read) {
    const parsed = read.get(objects, key) as Parsed<'GlobalFilter'> | null;
    const none = { before: null, after: null, fallthrough: { beforePipeline: false, pipeline: false } };
    if (parsed === null) return { ...none, state: 'missing' };
    if (parsed.object === null || !read.get(globalFilterCell, key).sound) return { ...none, state: 'refused' };
    const { spec } = parsed.object;
    const { namespace, name } = parsed.source.origin;
    return {
      state: 'sound',
      before: spec.beforePipeline === null ? null : `pipeline/${namespace}/${name}/before`,
      after: spec.afterPipeline === null ? null : `pipeline/${namespace}/${name}/after`,
      fallthrough: spec.fallthrough,
    };
  },
};

// `backendPool` is defined as a pipeline with one filter of this kind, so this is the one place in the
// operator that knows a kind by name.
const poolFilter = { name: 'proxy', kind: 'Proxy' } as const;
const generatedPrefix = 'GENERATED-';

/** The pipeline of a `backendPool`, which stands at `path` of the source. `place`: `<ruleIndex>-<pathIndex>`. */
export function poolPipeline(
  read: Reader,
  pool: Pool,
  from: { readonly source: Source; readonly imported: boolean; readonly place: string; readonly path: string },
): PipelineOutput & { readonly name: string } {
  const { namespace, name: server } = from.source.origin;
  const name = `${generatedPrefix}${server}-${from.place}`;
  const entry: FilterEntry = {
    name: poolFilter.name,
    kind: poolFilter.kind,
    filterRef: null,
    spec: filterSchemas.get(poolFilter.kind)?.spec.parse({ pools: [pool] }) ?? {},
  };
  const compiled = compilePipeline(read, {
    spec: { flow: [], filters: [entry], resilience: [], data: {} },
    key: `${namespace}/${name}`,
    title: titleOf(namespace, name),
    source: from.source,
    imported: from.imported,
    path: from.path,
  });
  // Findings speak of the filter's pool; the person wrote `backendPool`.
  const inside = `${from.path}.filters[0].pools[0]`;
  const diagnostics = compiled.diagnostics.map((found) =>
    found.path.startsWith(inside) ? { ...found, path: `${from.path}${found.path.slice(inside.length)}` } : found,
  );
  return { ...compiled, diagnostics, name: `pipeline/${namespace}/${name}` };
}

/** What logs and metrics call it: in namespace `default` its name, as in Easegress. */
function titleOf(namespace: string, name: string): string {
  return namespace === 'default' ? name : `${namespace}/${name}`;
}

interface PipelineInput {
  readonly spec: PipelineSpec;
  /** `namespace/name`, with the side for a GlobalFilter. */
  readonly key: string;
  readonly title: string;
  readonly source: Source;
  readonly imported: boolean;
  /** Where the pipeline stands in its object. */
  readonly path: string;
}

function compilePipeline(read: Reader, input: PipelineInput): PipelineOutput {
  const { spec, source, path } = input;
  const object = source.origin;
  const filters: PipelineContent['filters'] = [];
  const units: CompiledUnit[] = [];
  const diagnostics: Diagnostic[] = [];
  const results = new Map<string, readonly string[] | null>();
  const sources: [Source, ...Source[]] = [source];
  spec.filters.forEach((entry, index) => {
    const place = { object, path: `${path}.filters[${index}]` };
    // Names of units are made of it, so it must not look like two of them.
    if (!isObjectName(entry.name)) {
      const message = `${JSON.stringify(entry.name)} is no name of a filter; use letters, digits, \`-\`, \`_\`, \`.\` and \`~\``;
      diagnostics.push(diagnostic('InvalidName', object, `${place.path}.name`, message));
      results.set(entry.name, null);
      return;
    }
    if (entry.name === 'END' || results.has(entry.name)) {
      diagnostics.push(diagnostic('DuplicateFilter', object, `${place.path}.name`, nameProblem(entry.name)));
      return;
    }
    const filter = resolve(read, entry, input, place);
    if ('missing' in filter) {
      diagnostics.push(filter.missing);
      results.set(entry.name, null);
      return;
    }
    if (filter.from !== null) sources.push(filter.from);
    results.set(entry.name, filter.schema.results);
    const taken = takePools(read, {
      name: entry.name,
      schema: filter.schema,
      spec: filter.spec,
      pipeline: input.key,
      policies: spec.resilience,
      sources: filter.from === null ? [source] : [source, filter.from],
      imported: filter.imported,
      place,
    });
    diagnostics.push(...taken.diagnostics);
    units.push(...taken.units);
    filters.push({ name: entry.name, kind: filter.kind, spec: { ...taken.spec }, upstreams: { ...taken.upstreams } });
  });
  const flow = compileFlow(spec.flow, results, { object, path: `${path}.flow` });
  diagnostics.push(...flow.diagnostics);
  if (diagnostics.some(({ severity, code }) => severity === 'error' && !emptiesPool.has(code))) {
    return { ...nothing, diagnostics };
  }
  const content: PipelineContent = { title: input.title, flow: flow.flow, filters, data: spec.data };
  return { units: [emit('pipeline', `pipeline/${input.key}`, content, sources), ...units], diagnostics, sound: true };
}

/** Errors that leave a pool without endpoints, which then answers 503; the rest of the pipeline stands. */
const emptiesPool: ReadonlySet<string> = new Set(['ServiceNotFound', 'ServicePortNotFound', 'CrossNamespaceReference']);

function nameProblem(name: string): string {
  return name === 'END'
    ? 'END is the end of every flow; choose another name'
    : `another filter of this pipeline is called ${name}; rename one of them`;
}

type ResolvedFilter =
  | {
      readonly kind: string;
      readonly spec: Readonly<Record<string, unknown>>;
      readonly schema: NonNullable<ReturnType<typeof filterSchemas.get>>;
      readonly imported: boolean;
      /** The Filter object, when the entry refers to one. */
      readonly from: Source | null;
    }
  | { readonly missing: Diagnostic };

function resolve(read: Reader, entry: FilterEntry, input: PipelineInput, place: Place): ResolvedFilter {
  let { kind, spec } = entry;
  let { imported } = input;
  let from: Source | null = null;
  if (entry.filterRef !== null) {
    const named = filterNamed(read, entry.filterRef.name, { ...place, path: `${place.path}.filterRef.name` });
    if ('missing' in named) return named;
    // filterNamed gives only objects that could be read.
    ({ kind, spec } = named.found.object?.spec ?? { kind, spec });
    ({ imported, source: from } = named.found);
  }
  const schema = filterSchemas.get(kind);
  // Parsing has refused kinds that do not exist, so a missing schema is a bug of ours.
  if (schema === undefined) throw new Error(`no schema for filter kind ${kind}`);
  return { kind, spec, schema, imported, from };
}
