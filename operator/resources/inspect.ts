// Walks what a person wrote beside the schema of its kind, before zod reads it: finds unknown fields and names the
// nearest known one, finds fields that are not yet active, and takes out what is unknown or has no value. It judges
// no types; those are read-fields.ts's.

import type { z } from 'zod';
import { nearest } from '#proxy/primitives/nearest.ts';
import { metaOf, shapeOf, walkFields, type FieldMeta } from '#proxy/primitives/shape.ts';
import { formatPath, type FieldPath, type Finding } from './finding.ts';

export interface InspectOptions {
  /** Where fields are looked for that stand in the wrong place. */
  readonly root: z.ZodType;
  /** Path with `[]` and `.*` → whether it protects. */
  readonly inactive: ReadonlyMap<string, boolean>;
  /** Where the value stands in its object. */
  readonly at: FieldPath;
}

export function inspect(
  schema: z.ZodType,
  value: unknown,
  options: InspectOptions,
): { value: unknown; findings: Finding[] } {
  const walk: Walk = { root: options.root, inactive: options.inactive, findings: [] };
  return { value: inspectNode(walk, schema, value, { path: options.at, pattern: '' }), findings: walk.findings };
}

interface Walk {
  readonly root: z.ZodType;
  readonly inactive: ReadonlyMap<string, boolean>;
  readonly findings: Finding[];
}

interface Place {
  readonly path: FieldPath;
  readonly pattern: string;
}

function inspectNode(walk: Walk, schema: z.ZodType, value: unknown, place: Place): unknown {
  const shape = shapeOf(schema);
  switch (shape.type) {
    case 'object':
      return isMapping(value) ? inspectMembers(walk, shape, value, place) : value;
    case 'choice': {
      const option = isMapping(value) ? shape.options.get(String(value[shape.key])) : undefined;
      return option === undefined ? value : inspectNode(walk, option, value, place);
    }
    case 'list':
      if (!Array.isArray(value)) return value;
      return value.map((item: unknown, index) =>
        inspectNode(walk, shape.item, item, { path: [...place.path, index], pattern: `${place.pattern}[]` }),
      );
    case 'map':
      if (!isMapping(value)) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, member]) => [
          key,
          inspectNode(walk, shape.value, member, { path: [...place.path, key], pattern: `${place.pattern}.*` }),
        ]),
      );
    case 'leaf':
      return value;
    default:
      return shape satisfies never;
  }
}

type ObjectShape = Extract<ReturnType<typeof shapeOf>, { type: 'object' }>;

function inspectMembers(
  walk: Walk,
  shape: ObjectShape,
  value: Readonly<Record<string, unknown>>,
  place: Place,
): unknown {
  const kept: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const path = [...place.path, name];
    const field = Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined;
    if (field === undefined) {
      if (shape.unknown === 'keep') kept.push([name, member]);
      if (shape.unknown === 'refuse') walk.findings.push(unknownField(walk, shape, name, path));
      continue;
    }
    const meta = metaOf(field);
    if (member === null) {
      // Nothing written = absent, as in Go. But a protection that someone began to write is not silently absent.
      if (meta.protects) {
        walk.findings.push({
          code: 'InvalidField',
          path,
          message: `\`${name}\` has no value and restricts access; state its value or remove the field`,
        });
      }
      continue;
    }
    const pattern = place.pattern === '' ? name : `${place.pattern}.${name}`;
    if (!isOff(field, member)) {
      const finding = inactiveField(walk, meta, member, { path, pattern });
      if (finding !== null) walk.findings.push(finding);
    }
    kept.push([name, inspectNode(walk, field, member, { path, pattern })]);
  }
  return Object.fromEntries(kept);
}

function inactiveField(walk: Walk, meta: FieldMeta, value: unknown, place: Place): Finding | null {
  const name = String(place.path.at(-1));
  if (meta.inactiveValues.includes(value)) {
    return { code: 'NotYetActive', path: place.path, message: `\`${name}: ${String(value)}\` is not yet active` };
  }
  const protects = walk.inactive.get(place.pattern);
  if (protects === undefined) return null;
  return protects
    ? {
        code: 'ProtectionNotActive',
        path: place.path,
        message: `\`${name}\` restricts access and is not yet active here; remove it knowingly or use a version that supports it`,
      }
    : { code: 'NotYetActive', path: place.path, message: `\`${name}\` is known but not yet active; it has no effect` };
}

/** Values that ask for nothing. */
function isOff(schema: z.ZodType, value: unknown): boolean {
  if (value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0)) return true;
  return isMapping(value) && Object.keys(value).length === 0 && shapeOf(schema).type === 'map';
}

function unknownField(walk: Walk, shape: ObjectShape, name: string, path: FieldPath): Finding {
  const near = nearest(name, Object.keys(shape.fields));
  const nearProtects = near !== null && metaOf(shape.fields[near] as z.ZodType).protects;
  const elsewhere = near !== null && sameLetters(near, name) ? [] : fieldsCalled(walk.root, name);
  const protects = nearProtects || elsewhere.some((field) => field.protects);
  const known = Object.keys(shape.fields);
  let hint: string;
  if (elsewhere[0] !== undefined && !nearProtects) {
    hint = `\`${elsewhere[0].name}\` belongs into ${elsewhere[0].place}`;
  } else if (near !== null) {
    hint = `did you mean \`${near}\`?`;
  } else {
    hint = known.length > 16 ? 'remove it' : `known are ${known.map((field) => `\`${field}\``).join(', ')}`;
  }
  const shown = formatPath([name]);
  return protects
    ? {
        code: 'UnknownProtectingField',
        path,
        message: `\`${shown}\` is no field here and resembles one that restricts access; ${hint}`,
      }
    : { code: 'UnknownField', path, message: `\`${shown}\` is no field here and has no effect; ${hint}` };
}

function sameLetters(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

interface Elsewhere {
  readonly name: string;
  readonly place: string;
  readonly protects: boolean;
}

const elsewhereBySchema = new WeakMap<z.ZodType, ReadonlyMap<string, readonly Elsewhere[]>>();

/** Fields of that name, in any case, anywhere below the schema. */
function fieldsCalled(root: z.ZodType, name: string): readonly Elsewhere[] {
  let fields = elsewhereBySchema.get(root);
  if (fields === undefined) {
    const found = new Map<string, Elsewhere[]>();
    for (const field of walkFields(root)) {
      const above = field.path.slice(0, -field.name.length).replace(/\.$/, '');
      const place = above === '' ? 'the top level' : `\`${above}\``;
      const lower = field.name.toLowerCase();
      const others = found.get(lower) ?? [];
      others.push({ name: field.name, place, protects: field.meta.protects });
      found.set(lower, others);
    }
    fields = found;
    elsewhereBySchema.set(root, fields);
  }
  return fields.get(name.toLowerCase()) ?? [];
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
