// Reads the fields of an HTTPServer rule by rule. A server may have hundreds of rules with thousands of paths, and an
// edit changes one of them: what was made of a rule is kept as long as the rule as it was written is the same object
// (compile keeps parts that did not change). It depends on nothing but that rule, so what was read before never shows.
// Which places are refused is read-http-server.ts's.

import { checkPool } from '#proxy/filters/schemas.ts';
import { z } from 'zod';
import { list } from '#proxy/primitives/fields.ts';
import { splitPath, type FieldPath, type Finding } from './finding.ts';
import { httpServerSchema, ruleSchema, type HttpServerFields, type RuleFields, type RuleSpec } from './http-server.ts';
import { readFields, type Read } from './read-fields.ts';

const at: FieldPath = ['spec'];
const shellSchema = httpServerSchema.extend({ rules: list(z.unknown(), 512, '').default([]) });

/** The same as reading the whole by its schema, but for the order of the findings. */
export function readServerFields(raw: Readonly<Record<string, unknown>>): Read<HttpServerFields> {
  const shell = readFields(shellSchema, raw, { at, root: httpServerSchema });
  const stated = (shell.cleaned as { readonly rules?: unknown }).rules;
  if (!Array.isArray(stated)) {
    const value = shell.value === null ? null : { ...shell.value, rules: [] };
    return { ...shell, value };
  }
  const readings = stated.map(readRule);
  const rules = readings.flatMap(({ value }) => (value === null ? [] : [value]));
  return {
    value: shell.value === null || rules.length < readings.length ? null : { ...shell.value, rules },
    cleaned: { ...(shell.cleaned as object), rules: readings.map(({ cleaned }) => cleaned) },
    findings: [
      ...shell.findings,
      ...readings.flatMap(({ findings }, index) => findings.map((one) => below(one, [...at, 'rules', index]))),
    ],
  };
}

/** Findings are relative to the rule. */
type RuleReading = Read<RuleFields>;

const readings = new WeakMap<object, RuleReading>();

function readRule(raw: unknown, index: number): RuleReading {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    // No rule at all; the message names its place.
    const place = ['rules', index];
    const { findings, ...read } = readFields(ruleSchema, raw, { at: place, root: httpServerSchema });
    return { ...read, findings: findings.map((one) => ({ ...one, path: one.path.slice(place.length) })) };
  }
  const known = readings.get(raw);
  if (known !== undefined) return known;
  const reading = readFields(ruleSchema, raw, { at: [], root: httpServerSchema });
  readings.set(raw, reading);
  return reading;
}

/** Findings by the index of the path, relative to it: what the fields of one path must be together. */
export function checkPaths(rule: RuleFields): ReadonlyMap<number, readonly Finding[]> {
  const known = checked.get(rule);
  if (known !== undefined) return known;
  const found = new Map<number, readonly Finding[]>();
  for (const [index, path] of rule.paths.entries()) {
    const findings = checkPath(path);
    if (findings.length > 0) found.set(index, findings);
  }
  checked.set(rule, found);
  return found;
}

const checked = new WeakMap<RuleFields, ReadonlyMap<number, readonly Finding[]>>();

/** A rule of which nothing is refused. The same one as long as its fields and place are the same. */
export function soundRule(rule: RuleFields, index: number): RuleSpec {
  const known = sound.get(rule);
  if (known?.index === index) return known;
  const spec = { ...rule, index, paths: rule.paths.map((path, p) => ({ ...path, index: p, refused: false })) };
  sound.set(rule, spec);
  return spec;
}

const sound = new WeakMap<RuleFields, RuleSpec>();

/** A finding below another place. */
export function below(finding: Finding, place: FieldPath): Finding {
  return { ...finding, path: [...place, ...finding.path] };
}

function checkPath(path: RuleFields['paths'][number]): Finding[] {
  const found: Finding[] = [];
  const pool = path.backendPool;
  if ((path.backend === '') === (pool === undefined)) {
    const message =
      pool === undefined
        ? 'the path has no backend; state `backend`, the name of a pipeline, or `backendPool`'
        : `the path has both \`backend\` (${JSON.stringify(path.backend)}) and \`backendPool\`; keep one of them`;
    found.push({ code: 'BackendMissing', path: [], message });
  }
  if (path.rewriteTarget !== '' && path.path === '' && path.pathPrefix === '' && path.pathRegexp === '') {
    const message = '`rewriteTarget` needs `path`, `pathPrefix` or `pathRegexp` beside it; state what it replaces';
    found.push({ code: 'InvalidField', path: ['rewriteTarget'], message });
  }
  if (pool !== undefined) {
    for (const [inner, message, code] of checkPool(pool, 'backendPool')) {
      found.push({ code, path: splitPath(inner), message });
    }
    if (pool.filter !== undefined) {
      const message = '`backendPool` is the only pool of its path, so it has no `filter`; remove it';
      found.push({ code: 'InvalidPool', path: ['backendPool', 'filter'], message });
    }
  }
  return found;
}
