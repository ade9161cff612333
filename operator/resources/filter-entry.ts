// Judges the fields of a filter by the schema of its kind. It knows no kind by name: what a kind is like is said by
// the list that the data plane exports.

import type { FilterSchema } from '#proxy/filters/filter-schema.ts';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import { nearest } from '#proxy/primitives/nearest.ts';
import { isError, splitPath, type FieldPath, type Finding } from './finding.ts';
import { readFields } from './read-fields.ts';

export interface FilterReading {
  /** The fields with their defaults; null when the filter is refused. */
  readonly spec: Readonly<Record<string, unknown>> | null;
  readonly findings: readonly Finding[];
}

/** `fields` are those of the kind, without `name` and `kind`; `at` is where they stand. */
export function readFilter(kind: unknown, fields: Readonly<Record<string, unknown>>, at: FieldPath): FilterReading {
  const refuse = (code: Finding['code'], message: string): FilterReading => ({
    spec: null,
    findings: [{ code, path: [...at, 'kind'], message }],
  });
  if (typeof kind !== 'string' || kind === '') {
    return refuse('InvalidField', '`kind` is missing; expected the kind of a filter, such as `Proxy`');
  }
  const schema = filterSchemas.get(kind);
  if (schema === undefined) {
    const near = nearest(kind, filterSchemas.keys());
    const hint = near === null ? `known are ${activeKinds()}` : `did you mean \`${near}\`?`;
    return refuse('UnknownFilterKind', `no filter kind is called ${JSON.stringify(kind.slice(0, 80))}; ${hint}`);
  }
  if (schema.status === 'planned') {
    return refuse(
      'FilterNotYetActive',
      `filter kind \`${kind}\` is not yet active, so the pipeline is refused; remove the filter or use ${activeKinds()}`,
    );
  }
  return readKnown(schema, fields, at);
}

function readKnown(schema: FilterSchema, fields: Readonly<Record<string, unknown>>, at: FieldPath): FilterReading {
  const { value, findings } = readFields(schema.spec, fields, { at, inactive: schema.inactive });
  if (value === null) return { spec: null, findings };
  const checked = (schema.check?.(value) ?? []).map(([path, message, code]): Finding => ({
    code: code ?? 'InvalidField',
    path: [...at, ...splitPath(path)],
    message,
  }));
  const all = [...findings, ...checked];
  return { spec: all.some(isError) ? null : value, findings: all };
}

function activeKinds(): string {
  return [...filterSchemas.values()]
    .filter((schema) => schema.status !== 'planned')
    .map((schema) => `\`${schema.kind}\``)
    .join(', ');
}
