// Reads a Pipeline, a Filter or one side of a GlobalFilter. One invalid filter refuses the whole pipeline: serving
// without it could be more open than meant. Whether flow and jumps fit together is compile's, because it needs the
// Filter objects that entries refer to.

import { filterSchema, type FilterSpec } from './filter.ts';
import { readFilter } from './filter-entry.ts';
import { isError, type FieldPath, type Finding } from './finding.ts';
import { globalFilterSchema, type GlobalFilterSpec } from './global-filter.ts';
import { pipelineSchema, type FilterEntry, type PipelineSpec } from './pipeline.ts';
import { readFields } from './read-fields.ts';

export interface Reading<T> {
  readonly value: T | null;
  readonly findings: readonly Finding[];
}

export function readPipeline(raw: unknown, at: FieldPath): Reading<PipelineSpec> {
  const { value, cleaned, findings } = readFields(pipelineSchema, raw, { at });
  // Filters are judged even when the rest is invalid, so that a person sees everything at once.
  const entries = entriesOf(value?.filters ?? (cleaned as { filters?: unknown } | null)?.filters);
  const read = entries.map((entry, index) => readEntry(entry, [...at, 'filters', index]));
  const all = [...findings, ...read.flatMap((entry) => entry.findings)];
  if (value === null || all.some(isError)) return { value: null, findings: all };
  const filters = read.flatMap((entry) => (entry.value === null ? [] : [entry.value]));
  return { value: { ...value, filters }, findings: all };
}

export function readFilterObject(raw: Readonly<Record<string, unknown>>, at: FieldPath): Reading<FilterSpec> {
  const { value, findings } = readFields(filterSchema, raw, { at });
  if (value === null) return { value: null, findings };
  const { kind, ...fields } = value;
  const read = readFilter(kind, fields, at);
  const all = [...findings, ...read.findings];
  return { value: read.spec === null || all.some(isError) ? null : { kind, spec: read.spec }, findings: all };
}

export function readGlobalFilter(raw: unknown, at: FieldPath): Reading<GlobalFilterSpec> {
  const { value, cleaned, findings } = readFields(globalFilterSchema, raw, { at });
  // The two sides are read again, as pipelines: only their filters give findings that are not there yet.
  const sides = (['beforePipeline', 'afterPipeline'] as const).map((side): Reading<PipelineSpec> | null => {
    const stated = (cleaned as Record<string, unknown> | null)?.[side];
    return stated === undefined ? null : readPipeline(stated, [...at, side]);
  });
  const known = new Set(findings.map((finding) => `${finding.code} ${finding.path.join('/')}`));
  const all = [
    ...findings,
    ...sides.flatMap((side) => side?.findings ?? []).filter((one) => !known.has(`${one.code} ${one.path.join('/')}`)),
  ];
  if (value === null || all.some(isError)) return { value: null, findings: all };
  return {
    value: {
      beforePipeline: sides[0]?.value ?? null,
      afterPipeline: sides[1]?.value ?? null,
      fallthrough: value.fallthrough,
    },
    findings: all,
  };
}

function entriesOf(filters: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(filters)) return [];
  return filters.filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null);
}

function readEntry(entry: Readonly<Record<string, unknown>>, at: FieldPath): Reading<FilterEntry> {
  const { name, kind, filterRef, ...fields } = entry;
  if (filterRef === undefined) {
    const { spec, findings } = readFilter(kind, fields, at);
    const value = spec === null ? null : { name: String(name), kind: String(kind), filterRef: null, spec };
    return { value, findings };
  }
  const extra = [...(kind === undefined || kind === '' ? [] : ['kind']), ...Object.keys(fields)];
  if (extra.length > 0) {
    const message = `\`filterRef\` stands beside ${extra.map((field) => `\`${field}\``).join(', ')}; state either the reference or the filter itself`;
    return { value: null, findings: [{ code: 'InvalidField', path: [...at, 'filterRef'], message }] };
  }
  const reference = (filterRef as { name?: unknown } | null)?.name;
  return { value: { name: String(name), kind: '', filterRef: { name: String(reference) }, spec: {} }, findings: [] };
}
