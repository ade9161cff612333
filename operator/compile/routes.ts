// Owner and rule units of an HTTPServer. Fail closed: a path that was refused, whose pipeline is missing or refused, or
// whose server is at odds with its port keeps its place in the table without a pipeline and answers 503, so that its
// requests never fall through to another.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import type { HttpServerSpec, PathSpec, RuleSpec } from '#operator/resources/http-server.ts';
import { certificateUnits } from './certificates.ts';
import { emit, emitOver, type Output, sameOutput, type Source } from './emit.ts';
import type { CellKind, Reader } from './graph.ts';
import { hostConflicts, hostsOf, precedenceOf } from './hosts.ts';
import { objects, type Parsed } from './inputs.ts';
import { attach } from './listeners.ts';
import {
  type GlobalFilterState,
  globalFilterStateCell,
  pipelineStateCell,
  type PipelineState,
  poolPipeline,
} from './pipelines.ts';
import type { CompiledUnit } from './result.ts';

/** Key: the HTTPServer's object key. */
export const serverCell: CellKind<Output> = {
  name: 'server',
  level: 5,
  same: sameOutput,
  compute(key, read, before) {
    const parsed = read.get(objects, key) as Parsed<'HTTPServer'> | null;
    if (parsed === null) return { units: [], diagnostics: [] };
    const { object, diagnostics } = parsed;
    if (object === null) return { units: [], diagnostics };
    const attached = attach(read, object.spec, parsed);
    const found = [...diagnostics, ...attached.diagnostics];
    if (attached.listener === null) return { units: [], diagnostics: found };
    const { listener, closed, https } = attached;
    const compiled = compileServer(read, { ...parsed, object, closed }, { listener, https, before });
    return { units: compiled.units, diagnostics: [...found, ...compiled.diagnostics] };
  },
};

type Server = Parsed<'HTTPServer'> & {
  readonly object: NonNullable<Parsed<'HTTPServer'>['object']>;
  /** No path is served. */
  readonly closed: boolean;
};

function compileServer(
  read: Reader,
  server: Server,
  around: { readonly listener: string; readonly https: boolean; readonly before: Output | undefined },
): Output {
  const { listener, https, before } = around;
  const former = new Map(before?.units.map((unit) => [unit.unit.name, unit]));
  const { source, object } = server;
  const { spec } = object;
  const diagnostics: Diagnostic[] = hostConflicts(read, spec, source);
  const global = globalFilterOf(read, spec, source);
  diagnostics.push(...global.diagnostics);
  const owner = `HTTPServer/${source.origin.namespace}/${source.origin.name}`;
  const units: CompiledUnit[] = [];
  const rules: CompiledUnit[] = [];
  for (const rule of spec.rules) {
    const content =
      openContent(read, server, rule, global.open) ??
      judgedContent(read, server, rule, { open: global.open, units, diagnostics });
    const name = `rule/${owner}/${rule.index}`;
    rules.push(emitOver(former.get(name), 'rule', name, content, [source]));
  }
  const content: OwnerContent = {
    listener,
    precedence: precedenceOf(source, object.createdAt, server.closed),
    semantics: spec.routerKind === 'RadixTree' ? 'radix' : 'ordered',
    rules: rules.map(({ unit }) => unit.name),
    ipFilter: spec.ipFilter ?? null,
    xForwardedFor: spec.xForwardedFor,
    clientMaxBodySize: spec.clientMaxBodySize,
    before: global.state?.before ?? null,
    after: global.state?.after ?? null,
    fallthrough: global.state?.fallthrough ?? { beforePipeline: false, pipeline: false },
    accessLogFormat: spec.accessLogFormat,
  };
  if (https) {
    const certificates = certificateUnits(spec, source, former);
    content.certificates = certificates.map(({ unit }) => unit.name);
    units.push(...certificates);
  }
  return { units: [emit('owner', `owner/${owner}`, content, [source]), ...rules, ...units], diagnostics };
}

interface Judging {
  /** The server's GlobalFilter is there, or it has none. */
  readonly open: boolean;
  /** Taking up what is made and found. */
  readonly units: CompiledUnit[];
  readonly diagnostics: Diagnostic[];
}

function judgedContent(read: Reader, server: Server, rule: RuleSpec, judging: Judging): RuleContent {
  return ruleContent(rule, (path) => {
    const at = `spec.rules[${rule.index}].paths[${path.index}]`;
    const backend = backendOf(read, server, path, { at, place: `${rule.index}-${path.index}` });
    judging.diagnostics.push(...backend.diagnostics);
    // A pipeline that runs only behind a filter which is not there must not run at all.
    if (!judging.open || backend.pipeline === null) return null;
    judging.units.push(...backend.units);
    return backend.pipeline;
  });
}

interface OpenRule {
  readonly namespace: string;
  readonly content: RuleContent;
}

const openRules = new WeakMap<RuleSpec, OpenRule>();
const backendsByRule = new WeakMap<RuleSpec, ReadonlySet<string> | null>();

/**
 * Content of a rule of which every path is served by a sound pipeline: then it follows from the rule and the namespace
 * alone, and is made once. Null for any other rule.
 */
function openContent(read: Reader, server: Server, rule: RuleSpec, open: boolean): RuleContent | null {
  const backends = backendsOf(rule);
  if (!open || server.closed || backends === null) return null;
  const { namespace } = server.source.origin;
  for (const name of backends) if (pipelineState(read, namespace, name) !== 'sound') return null;
  const known = openRules.get(rule);
  if (known?.namespace === namespace) return known.content;
  const content = ruleContent(rule, ({ backend }) => pipelineUnit(namespace, backend));
  openRules.set(rule, { namespace, content });
  return content;
}

/** Names of the pipelines of a rule; null when a path is refused or has a pool. */
function backendsOf(rule: RuleSpec): ReadonlySet<string> | null {
  const known = backendsByRule.get(rule);
  if (known !== undefined) return known;
  const named = rule.paths.every((path) => !path.refused && path.backendPool === undefined);
  const names = named ? new Set(rule.paths.map(({ backend }) => backend)) : null;
  backendsByRule.set(rule, names);
  return names;
}

function pipelineState(read: Reader, namespace: string, name: string): PipelineState {
  return read.get(pipelineStateCell, `Pipeline/${namespace}/${name}`);
}

function pipelineUnit(namespace: string, name: string): string {
  return `pipeline/${namespace}/${name}`;
}

interface Backend {
  readonly pipeline: string | null;
  /** Units made for this path alone. */
  readonly units: readonly CompiledUnit[];
  readonly diagnostics: readonly Diagnostic[];
}

function backendOf(
  read: Reader,
  { source, imported, closed: serverClosed }: Server,
  path: PathSpec,
  { at, place }: { readonly at: string; readonly place: string },
): Backend {
  const closed: Backend = { pipeline: null, units: [], diagnostics: [] };
  if (path.refused || serverClosed) return closed;
  if (path.backendPool !== undefined) {
    const made = poolPipeline(read, path.backendPool, { source, imported, place, path: `${at}.backendPool` });
    return { ...made, pipeline: made.sound ? made.name : null };
  }
  const { namespace } = source.origin;
  const state = pipelineState(read, namespace, path.backend);
  const pipeline = `Pipeline ${namespace}/${path.backend}`;
  switch (state) {
    case 'sound':
      return { ...closed, pipeline: pipelineUnit(namespace, path.backend) };
    case 'missing': {
      const message = `${pipeline} does not exist; create it or correct the name`;
      return { ...closed, diagnostics: [diagnostic('PipelineNotFound', source.origin, `${at}.backend`, message)] };
    }
    case 'refused': {
      const message = `${pipeline} was refused; correct what its own findings name`;
      return { ...closed, diagnostics: [diagnostic('PipelineInvalid', source.origin, `${at}.backend`, message)] };
    }
    default:
      return state satisfies never;
  }
}

function globalFilterOf(
  read: Reader,
  { globalFilter }: HttpServerSpec,
  { origin }: Source,
): { readonly open: boolean; readonly state: GlobalFilterState | null; readonly diagnostics: readonly Diagnostic[] } {
  if (globalFilter === '') return { open: true, state: null, diagnostics: [] };
  const state = read.get(globalFilterStateCell, `GlobalFilter/${origin.namespace}/${globalFilter}`);
  if (state.state === 'sound') return { open: true, state, diagnostics: [] };
  const title = `GlobalFilter ${origin.namespace}/${globalFilter}`;
  const message =
    state.state === 'missing'
      ? `${title} does not exist; create it or correct the name`
      : `${title} was refused; correct what its own findings name`;
  return {
    open: false,
    state: null,
    diagnostics: [diagnostic('GlobalFilterNotFound', origin, 'spec.globalFilter', message)],
  };
}

function ruleContent(rule: RuleSpec, pipelineOf: (path: PathSpec) => string | null): RuleContent {
  return {
    hosts: hostsOf(rule).map(({ match }) => match),
    ipFilter: rule.ipFilter ?? null,
    paths: rule.paths.map((path) => pathContent(path, pipelineOf(path))),
  };
}

function pathContent(path: PathSpec, pipeline: string | null): PathContent {
  return {
    path: path.path,
    pathPrefix: path.pathPrefix,
    pathRegexp: path.pathRegexp,
    ipFilter: path.ipFilter ?? null,
    methods: path.methods,
    headers: path.headers,
    matchAllHeader: path.matchAllHeader,
    queries: path.queries,
    matchAllQuery: path.matchAllQuery,
    rewriteTarget: path.rewriteTarget,
    pipeline,
    clientMaxBodySize: path.clientMaxBodySize,
    setHeaders: path.setHeaders,
  };
}
