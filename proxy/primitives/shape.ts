// What a schema looks like from outside, with wrappers (optional, default, nullable) taken off: enough to walk a value
// beside its schema and to generate documents. The only place that looks into zod's own types. A schema does not change,
// so what was derived from one is kept as long as it lives.

import { z } from 'zod';

export type Shape =
  | {
      readonly type: 'object';
      readonly fields: Readonly<Record<string, z.ZodType>>;
      /** What reading does with a field that is not among them. */
      readonly unknown: 'refuse' | 'drop' | 'keep';
    }
  | { readonly type: 'list'; readonly item: z.ZodType }
  | { readonly type: 'map'; readonly value: z.ZodType }
  /** One of several objects, told apart by the text in `key`. */
  | { readonly type: 'choice'; readonly key: string; readonly options: ReadonlyMap<string, z.ZodType> }
  | { readonly type: 'leaf'; readonly schema: z.ZodType };

export interface FieldMeta {
  readonly description: string;
  readonly secret: boolean;
  readonly protects: boolean;
  readonly inactive: boolean;
  readonly inactiveValues: readonly unknown[];
  readonly format: string;
}

const shapes = new WeakMap<z.ZodType, Shape>();
const metas = new WeakMap<z.ZodType, FieldMeta>();

export function shapeOf(schema: z.ZodType): Shape {
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const shape = deriveShape(schema);
  shapes.set(schema, shape);
  return shape;
}

function deriveShape(schema: z.ZodType): Shape {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodObject) {
    const rest = bare.def.catchall;
    const unknown = rest === undefined ? 'drop' : rest instanceof z.ZodNever ? 'refuse' : 'keep';
    return { type: 'object', fields: bare.shape as Record<string, z.ZodType>, unknown };
  }
  if (bare instanceof z.ZodArray) return { type: 'list', item: bare.element as z.ZodType };
  if (bare instanceof z.ZodRecord) return { type: 'map', value: bare.valueType as z.ZodType };
  if (bare instanceof z.ZodDiscriminatedUnion) return choiceOf(bare);
  return { type: 'leaf', schema: bare };
}

export function metaOf(schema: z.ZodType): FieldMeta {
  const known = metas.get(schema);
  if (known !== undefined) return known;
  const meta = deriveMeta(schema);
  metas.set(schema, meta);
  return meta;
}

function deriveMeta(schema: z.ZodType): FieldMeta {
  let found: Record<string, unknown> = {};
  let current: z.ZodType | null = schema;
  // An outer wrapper may restate what an inner one says, so the outer wins.
  while (current !== null) {
    found = { ...current.meta(), ...found };
    current = inner(current);
  }
  return {
    description: typeof found['description'] === 'string' ? found['description'] : '',
    secret: found['secret'] === true,
    protects: found['protects'] === true,
    inactive: found['inactive'] === true,
    inactiveValues: Array.isArray(found['inactiveValues']) ? found['inactiveValues'] : [],
    format: typeof found['format'] === 'string' ? found['format'] : '',
  };
}

/** Whether a value may be left out, and what it then is. */
export function absenceOf(schema: z.ZodType): { optional: boolean; fallback: unknown } {
  let current: z.ZodType | null = schema;
  while (current !== null) {
    if (current instanceof z.ZodDefault) return { optional: true, fallback: current.def.defaultValue };
    if (current instanceof z.ZodOptional) return { optional: true, fallback: undefined };
    current = inner(current);
  }
  return { optional: false, fallback: undefined };
}

export function unwrap(schema: z.ZodType): z.ZodType {
  let current = schema;
  for (let next = inner(current); next !== null; next = inner(current)) current = next;
  return current;
}

function inner(schema: z.ZodType): z.ZodType | null {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return schema.def.innerType as z.ZodType;
  }
  return null;
}

function choiceOf(union: z.ZodDiscriminatedUnion): Shape {
  const key = union.def.discriminator;
  const options = new Map<string, z.ZodType>();
  for (const option of union.options as z.ZodObject[]) {
    const tag = option.shape[key] as z.ZodType | undefined;
    if (tag instanceof z.ZodLiteral) for (const value of tag.values) options.set(String(value), option);
  }
  return { type: 'choice', key, options };
}

export interface WalkedField {
  /** Dotted, `[]` for an item of a list, `.*` for one of a map: `pools[].servers[].url`. */
  readonly path: string;
  readonly name: string;
  readonly schema: z.ZodType;
  readonly meta: FieldMeta;
}

/** Every field below `schema`, depth first, in the order of the schema. */
export function* walkFields(schema: z.ZodType, at = ''): Generator<WalkedField> {
  const shape = shapeOf(schema);
  switch (shape.type) {
    case 'object':
      for (const [name, field] of Object.entries(shape.fields)) {
        const path = at === '' ? name : `${at}.${name}`;
        yield { path, name, schema: field, meta: metaOf(field) };
        yield* walkFields(field, path);
      }
      return;
    case 'list':
      yield* walkFields(shape.item, `${at}[]`);
      return;
    case 'map':
      yield* walkFields(shape.value, `${at}.*`);
      return;
    case 'choice':
      for (const option of new Set(shape.options.values())) yield* walkFields(option, at);
      return;
    case 'leaf':
      return;
    default:
      shape satisfies never;
  }
}

/** Fields that carry `inactive`, without those below one of them. */
export function inactiveFields(schema: z.ZodType): { path: string; protects: boolean }[] {
  const found: { path: string; protects: boolean }[] = [];
  for (const { path, meta } of walkFields(schema)) {
    if (!meta.inactive || found.some((above) => path.startsWith(`${above.path}.`) || path.startsWith(`${above.path}[`)))
      continue;
    if (!found.some((same) => same.path === path)) found.push({ path, protects: meta.protects });
  }
  return found;
}
