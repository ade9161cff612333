// From objects to units: the table of contents. Pure: no clock, no randomness, no input or output, no history. The
// memory in graph.ts only saves work: after any sequence of updates the result is, byte for byte, that of one update
// with the objects that are left (property tests in compile.property.test.ts).
//
//   object ─▶ parse ─┬─▶ claims on ports and hosts ─▶ listeners.ts, hosts.ts ─┐
//                    ├─▶ filters, pools, flow ─▶ pipelines.ts, upstreams.ts ──┼─▶ routes.ts ─▶ units, findings
//                    └─▶ Services, slices ─▶ endpoints.ts (live)              ┘

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { sameValue, sharedValue } from '#proxy/primitives/same-value.ts';
import { keyOf, type RawObject } from '#operator/resources/object.ts';
import { parseObject } from '#operator/resources/parse-object.ts';
import { type Claim, claimsOf } from './claims.ts';
import { type Output, sameOutput, sameUnit, specDigest } from './emit.ts';
import { type CellChange, type CellKind, Graph } from './graph.ts';
import { Group } from './group.ts';
import { objects, type Parsed } from './inputs.ts';
import { globalFilterCell, pipelineCell } from './pipelines.ts';
import type { CompiledUnit, CompileDelta } from './result.ts';
import { serverCell } from './routes.ts';

/** The same as the store's ObjectChange: what changed since the last update. */
export type CompileChange =
  | { readonly type: 'upsert'; readonly object: RawObject }
  | { readonly type: 'delete'; readonly key: string };

export interface Compiler {
  update(changes: readonly CompileChange[]): CompileDelta;
  /** By name. */
  units(): ReadonlyMap<string, CompiledUnit>;
  /** By object key; objects without findings are absent. */
  diagnostics(): ReadonlyMap<string, readonly Diagnostic[]>;
}

export interface CompilerOptions {
  /** `files`: the first HTTPServer by namespace/name decides the settings of a port. */
  readonly portMode: 'files';
  /** HTTPServers of another class are not ours. */
  readonly className?: string;
  /** Told of every step that runs, as `<kind of step> <key>`: for tests of what a change costs. */
  readonly trace?: (step: string) => void;
}

/** Everything at once, for a command line and for tests: the delta from nothing. */
export function compile(all: readonly RawObject[], options?: CompilerOptions): CompileDelta {
  return createCompiler(options).update(all.map((object) => ({ type: 'upsert', object })));
}

export function createCompiler(options: CompilerOptions = { portMode: 'files' }): Compiler {
  const graph = new Graph(options.trace);
  const known = new Map<string, Known>();
  const groups = new Map<string, Group<unknown>>();
  const outputs = createOutputs();

  const take = (change: CompileChange): void => {
    const key = change.type === 'delete' ? change.key : keyOf(change.object);
    const before = known.get(key);
    const content = change.type === 'delete' ? undefined : contentOf(change.object, before);
    if (before?.content === content) return;
    const after = change.type === 'delete' || content === undefined ? null : read(change.object, content, options);
    if (after === null) known.delete(key);
    else known.set(key, after);
    for (const claim of changedClaims(before, after)) {
      const id = `${claim.kind.name} ${claim.key}`;
      const group = groups.get(id) ?? new Group();
      if (claim.value === null) group.delete(claim.member);
      else group.set(claim.member, claim.value);
      if (group.size === 0) groups.delete(id);
      else groups.set(id, group);
      // The kind of claim and the value in it belong together by claims.ts.
      graph.set(claim.kind, claim.key, group.size === 0 ? null : (group as Group<never>));
      if (claim.output !== null) graph.want(claim.output, claim.key, group.size > 0);
    }
    graph.set(objects, key, after === null ? null : after.parsed);
    graph.want(outputKinds[key.slice(0, key.indexOf('/'))] ?? findingsCell, key, after !== null);
  };

  return {
    update(changes) {
      for (const change of changes) take(change);
      return outputs.take(graph.settle());
    },
    units: () => outputs.units,
    diagnostics: () => outputs.diagnostics,
  };
}

/** All that compile reads of an object. */
type Content = Pick<RawObject, 'spec' | 'labels' | 'createdAt' | 'imported'>;

interface Known {
  readonly content: Content;
  readonly parsed: Parsed;
  readonly claims: ReadonlyMap<string, Claim>;
}

function read(object: RawObject, content: Content, { className = 'easegress' }: CompilerOptions): Known {
  const { kind, namespace, name } = object;
  const { spec, imported } = content;
  const { value, diagnostics } = parseObject({ ...object, ...content });
  const source = { origin: { kind, namespace, name }, inputs: specDigest(spec) };
  const ours = value?.kind !== 'HTTPServer' || value.spec.className === className;
  const stated = new Set(Object.keys(spec).filter((field) => spec[field] !== null));
  const parsed: Parsed = ours
    ? { object: value, diagnostics, source, stated, imported }
    : { object: null, diagnostics: [], source, stated, imported };
  return { content, parsed, claims: claimsOf(parsed) };
}

/** Parts that did not change are the same as before, so that what was made of them can be found again. */
function contentOf({ spec, labels, createdAt, imported }: RawObject, before: Known | undefined): Content {
  return sharedValue(before?.content, { spec, labels, createdAt, imported });
}

/** Claims that are new, changed, or gone (value null). */
function changedClaims(before: Known | undefined, after: Known | null): Claim[] {
  const changed: Claim[] = [];
  for (const [id, claim] of before?.claims ?? [])
    if (after?.claims.has(id) !== true) changed.push({ ...claim, value: null });
  for (const [id, claim] of after?.claims ?? []) {
    const former = before?.claims.get(id);
    if (former === undefined || !sameValue(former.value, claim.value)) changed.push(claim);
  }
  return changed;
}

/** What an object of a kind compiles to. Objects of other kinds have findings only. */
const outputKinds: Readonly<Record<string, CellKind<Output>>> = {
  HTTPServer: serverCell,
  Pipeline: pipelineCell,
  GlobalFilter: globalFilterCell,
};

const findingsCell: CellKind<Output> = {
  name: 'findings',
  level: 1,
  same: sameOutput,
  compute: (key, reader) => ({ units: [], diagnostics: reader.get(objects, key)?.diagnostics ?? [] }),
};

/** Gathers what the cells give into two tables and tells what changed in them. */
function createOutputs() {
  const units = new Map<string, CompiledUnit>();
  const diagnostics = new Map<string, readonly Diagnostic[]>();
  return {
    units,
    diagnostics,
    take(changes: readonly CellChange[]): CompileDelta {
      const upserts = new Map<string, CompiledUnit>();
      const removes = new Set<string>();
      const found = new Map<string, readonly Diagnostic[]>();
      for (const { key, before, after } of changes) {
        if (!isOutput(before) && !isOutput(after)) continue;
        for (const { unit } of isOutput(before) ? before.units : []) removes.add(unit.name);
        for (const unit of isOutput(after) ? after.units : []) upserts.set(unit.unit.name, unit);
        const now = isOutput(after) ? after.diagnostics : [];
        if (!sameValue(now, diagnostics.get(key) ?? [])) found.set(key, now);
      }
      for (const name of upserts.keys()) removes.delete(name);
      for (const name of removes) units.delete(name);
      for (const [name, unit] of upserts) {
        const former = units.get(name);
        if (former !== undefined && sameUnit(former, unit)) upserts.delete(name);
        else units.set(name, unit);
      }
      for (const [key, now] of found) {
        if (now.length === 0) diagnostics.delete(key);
        else diagnostics.set(key, now);
      }
      const byName = [...upserts.values()].toSorted((a, b) => (a.unit.name < b.unit.name ? -1 : 1));
      return { upserts: byName, removes: [...removes].toSorted(), diagnostics: found };
    },
  };
}

function isOutput(value: unknown): value is Output {
  return typeof value === 'object' && value !== null && 'units' in value && 'diagnostics' in value;
}
