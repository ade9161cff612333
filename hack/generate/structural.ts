// A zod schema as a structural schema of Kubernetes: types only where the API server wants them, bounds everywhere,
// nothing that closes an object. Entries of `filters` get the fields of all kinds merged, with types and sizes but
// without rules: whether a filter's fields fit its kind is judged by compile and the webhook, never by the CRD.

import { z } from 'zod';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import { filterSchema } from '#operator/resources/filter.ts';
import { filterEntrySchema } from '#operator/resources/pipeline.ts';

export type Structural = { [key: string]: unknown };

const keep = 'x-kubernetes-preserve-unknown-fields';
const kept = new Set([
  'type',
  'description',
  'properties',
  'required',
  'items',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-int-or-string',
]);
/** What is said of a value in other words, or to others. */
const dropped = new Set([
  '$schema',
  'default',
  'format',
  'propertyNames',
  'secret',
  'protects',
  'inactive',
  'inactiveValues',
]);

export function structuralSchema(schema: z.ZodType, path: string): Structural {
  const open = new Set<z.core.$ZodType>([filterSchema, filterEntrySchema]);
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (open.has(zodSchema)) (jsonSchema as Structural)['filterFields'] = true;
    },
  });
  return convert(json as Structural, path);
}

function convert(node: Structural, path: string): Structural {
  if (node['x-kubernetes-int-or-string'] === true) return intOrString(node);
  if (Array.isArray(node['oneOf'])) return choice(node, node['oneOf'] as Structural[], path);
  const out: Structural = {};
  for (const [key, value] of Object.entries(node)) {
    if (kept.has(key)) out[key] = value;
    else if (!dropped.has(key) && key !== 'additionalProperties' && key !== 'filterFields') {
      throw new Error(`${path}: a structural schema has no place for \`${key}\``);
    }
  }
  switch (node['type']) {
    case 'object':
      return convertObject(node, out, path);
    case 'array':
      bounded(node, 'maxItems', path);
      return {
        ...out,
        ...(path.endsWith('.filters')
          ? { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] }
          : { 'x-kubernetes-list-type': 'atomic' }),
        items: convert(node['items'] as Structural, `${path}[]`),
      };
    case 'string':
      if (node['enum'] === undefined) bounded(node, 'maxLength', path);
      return out;
    case 'integer':
      return integer(out);
    case 'number':
    case 'boolean':
      return out;
    case undefined:
      return { ...out, [keep]: true }; // any value
    default:
      throw new Error(`${path}: a structural schema has no type ${JSON.stringify(node['type'])}`);
  }
}

function convertObject(node: Structural, out: Structural, path: string): Structural {
  const entries = Object.entries((node['properties'] ?? {}) as Record<string, Structural>);
  const properties = Object.fromEntries(entries.map(([name, member]) => [name, convert(member, `${path}.${name}`)]));
  if (node['filterFields'] === true)
    return { ...out, properties: { ...filterFields(path), ...properties }, [keep]: true };
  const rest = node['additionalProperties'];
  if (entries.length > 0) return { ...out, properties, [keep]: true };
  if (typeof rest !== 'object' || rest === null) throw new Error(`${path}: an object without fields`);
  bounded(node, 'maxProperties', path);
  return { ...out, additionalProperties: convert(rest as Structural, `${path}.*`) };
}

function bounded(node: Structural, bound: string, path: string): void {
  if (typeof node[bound] !== 'number') throw new Error(`${path}: has no \`${bound}\``);
}

function integer(out: Structural): Structural {
  const { minimum, maximum, ...rest } = out as { minimum?: number; maximum?: number };
  const wide = (value: number | undefined): boolean => value !== undefined && Math.abs(value) > 2_147_483_647;
  const real = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  return {
    ...rest,
    format: wide(minimum) || wide(maximum) ? 'int64' : 'int32',
    ...(real(minimum) ? { minimum } : {}),
    ...(real(maximum) ? { maximum } : {}),
  };
}

function intOrString(node: Structural): Structural {
  const { description } = node;
  return { ...(description === undefined ? {} : { description }), 'x-kubernetes-int-or-string': true };
}

/** One of several objects: their fields together. What only some of them require is required by none. */
function choice(node: Structural, options: readonly Structural[], path: string): Structural {
  const converted = options.map((option) => convert(option, path));
  const required = (converted[0]?.['required'] as string[] | undefined)?.filter((name) =>
    converted.every((option) => ((option['required'] as string[] | undefined) ?? []).includes(name)),
  );
  const merged = converted.reduce((a, b) => merge(a, b));
  const { description } = node;
  return {
    ...merged,
    ...(description === undefined ? {} : { description }),
    ...(required === undefined || required.length === 0 ? {} : { required }),
  };
}

function filterFields(path: string): Record<string, Structural> {
  const active = [...filterSchemas.values()].filter((schema) => schema.status !== 'planned');
  const merged = active
    .map((schema) => {
      const { required: _required, ...all } = structuralSchema(schema.spec, `${path}<${schema.kind}>`);
      return withoutRules(all);
    })
    .reduce((a, b) => merge(a, b));
  return merged['properties'] as Record<string, Structural>;
}

const rules = new Set(['required', 'enum', 'minimum', 'maximum', 'minLength', 'minItems']);

function withoutRules(node: Structural): Structural {
  const out: Structural = {};
  for (const [key, value] of Object.entries(node)) {
    if (rules.has(key)) continue;
    if (key === 'properties') {
      out[key] = Object.fromEntries(
        Object.entries(value as Record<string, Structural>).map(([name, member]) => [name, withoutRules(member)]),
      );
    } else if (key === 'items' || key === 'additionalProperties') out[key] = withoutRules(value as Structural);
    else out[key] = value;
  }
  // An enumeration without its values is a text like any other, and those have a bound.
  if (out['type'] === 'string' && out['maxLength'] === undefined) out['maxLength'] = 1024;
  return out;
}

/** Both together; where their types differ, an open node. */
export function merge(a: Structural, b: Structural): Structural {
  if (a['type'] !== b['type'] || a['x-kubernetes-int-or-string'] !== b['x-kubernetes-int-or-string']) {
    return { description: 'Differs by kind.', [keep]: true };
  }
  const out: Structural = { ...b, ...a };
  if (a['description'] !== b['description']) out['description'] = 'Differs by kind.';
  for (const bound of ['maxLength', 'maxItems', 'maxProperties', 'maximum'])
    mergeBound(out, a, b, { bound, pick: Math.max });
  for (const bound of ['minLength', 'minItems', 'minimum']) mergeBound(out, a, b, { bound, pick: Math.min });
  if (a['enum'] !== undefined || b['enum'] !== undefined) {
    const values = [...((a['enum'] ?? []) as unknown[]), ...((b['enum'] ?? []) as unknown[])];
    if (a['enum'] === undefined || b['enum'] === undefined) delete out['enum'];
    else out['enum'] = [...new Set(values)];
  }
  if (a['format'] !== b['format']) out['format'] = 'int64';
  if (a['properties'] !== undefined || b['properties'] !== undefined) {
    const left = (a['properties'] ?? {}) as Record<string, Structural>;
    const right = (b['properties'] ?? {}) as Record<string, Structural>;
    if ((a['additionalProperties'] ?? b['additionalProperties']) !== undefined) {
      return { type: 'object', description: 'Differs by kind.', [keep]: true }; // a map here, fields there
    }
    out['properties'] = Object.fromEntries(
      [...new Set([...Object.keys(left), ...Object.keys(right)])].map((name) => {
        const one = left[name];
        const other = right[name];
        return [name, one !== undefined && other !== undefined ? merge(one, other) : (one ?? other)];
      }),
    );
    delete out['required'];
  } else if (out['additionalProperties'] !== undefined) {
    out['additionalProperties'] = merge(
      a['additionalProperties'] as Structural,
      b['additionalProperties'] as Structural,
    );
  }
  if (out['items'] !== undefined) out['items'] = merge(a['items'] as Structural, b['items'] as Structural);
  return out;
}

function mergeBound(
  out: Structural,
  a: Structural,
  b: Structural,
  { bound, pick }: { bound: string; pick: (...values: number[]) => number },
): void {
  const [left, right] = [a[bound], b[bound]];
  if (typeof left === 'number' && typeof right === 'number') out[bound] = pick(left, right);
  else delete out[bound];
}
