// Reads a value by a schema: what inspect.ts finds, and zod's issues as findings that name the field, the value and
// the form that would be right.

import { z } from 'zod';
import { nearest } from '#proxy/primitives/nearest.ts';
import { inactiveFields, metaOf, shapeOf, unwrap } from '#proxy/primitives/shape.ts';
import { showValue, type FieldPath, type Finding } from './finding.ts';
import { inspect } from './inspect.ts';

export interface ReadOptions {
  /** Where the value stands in its object. */
  readonly at: FieldPath;
  /** Schema of the whole when `schema` is that of a part: to say where a stray field belongs. */
  readonly root?: z.ZodType;
  /** Fields that are not yet active; without it those that the schema marks. */
  readonly inactive?: readonly { readonly path: string; readonly protects: boolean }[];
}

export interface Read<T> {
  /** Null when a field is invalid. Findings may hold errors (a protecting field) although there is a value. */
  readonly value: T | null;
  /** What was read: without unknown fields and fields without a value. */
  readonly cleaned: unknown;
  readonly findings: readonly Finding[];
}

const inactiveBySchema = new WeakMap<z.ZodType, ReadonlyMap<string, boolean>>();

export function readFields<S extends z.ZodType>(schema: S, value: unknown, options: ReadOptions): Read<z.infer<S>> {
  const { at, root = schema } = options;
  const inspected = inspect(schema, value, { at, root, inactive: inactiveOf(schema, options) });
  const parsed = schema.safeParse(inspected.value);
  if (parsed.success) return { value: parsed.data, cleaned: inspected.value, findings: inspected.findings };
  const issues = parsed.error.issues.map((issue) => issueFinding(schema, inspected.value, issue, options.at));
  return { value: null, cleaned: inspected.value, findings: [...inspected.findings, ...issues] };
}

function inactiveOf(schema: z.ZodType, options: ReadOptions): ReadonlyMap<string, boolean> {
  if (options.inactive !== undefined) return asMap(options.inactive);
  let known = inactiveBySchema.get(schema);
  if (known === undefined) {
    known = asMap(inactiveFields(schema));
    inactiveBySchema.set(schema, known);
  }
  return known;
}

function asMap(fields: readonly { readonly path: string; readonly protects: boolean }[]): ReadonlyMap<string, boolean> {
  return new Map(fields.map(({ path, protects }) => [path, protects]));
}

type Issue = z.core.$ZodIssue;

function issueFinding(root: z.ZodType, value: unknown, issue: Issue, at: FieldPath): Finding {
  const steps = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const place = locate(root, value, steps);
  const name = fieldName(steps.length === 0 ? at : steps);
  const path = [...at, ...steps];
  const say = (is: string, expected: string): Finding => ({
    code: 'InvalidField',
    path,
    message: `\`${name}\` ${is}; expected ${expected}`,
  });
  if (issue.code === 'invalid_key') return say('is too long a name', 'at most 1024 characters');
  const shown = showValue(place.value, place.secret);
  if (issue.code === 'custom') return say(shown, issue.message);
  if ((issue.code === 'too_big' || issue.code === 'too_small') && Array.isArray(place.value)) {
    const most = issue.code === 'too_big' ? `at most ${issue.maximum}` : `at least ${issue.minimum}`;
    return say(`has ${place.value.length} entries`, most);
  }
  if (issue.code === 'too_big' && typeof place.value === 'string') {
    return say(`has ${place.value.length} characters`, `at most ${issue.maximum}`);
  }
  return say(shown, expectedForm(place.schema) + enumHint(place));
}

/** The last name on the way, with the index behind it: `paths[2]`. */
function fieldName(steps: FieldPath): string {
  let name = '';
  for (const step of steps) name = typeof step === 'number' ? `${name}[${step}]` : step;
  return name.slice(0, 128);
}

interface Located {
  readonly schema: z.ZodType;
  readonly value: unknown;
  readonly secret: boolean;
}

function locate(root: z.ZodType, value: unknown, steps: FieldPath): Located {
  let schema = root;
  let current = value;
  let secret = metaOf(schema).secret;
  for (const step of steps) {
    const shape = shapeOf(schema);
    if (shape.type === 'object') schema = shape.fields[step] ?? z.unknown();
    else if (shape.type === 'list') schema = shape.item;
    else if (shape.type === 'map') schema = shape.value;
    else if (shape.type === 'choice') schema = chosenField(shape, current, step);
    else schema = z.unknown();
    current = memberOf(current, step);
    secret ||= metaOf(schema).secret;
  }
  return { schema, value: current, secret };
}

function chosenField(
  shape: Extract<ReturnType<typeof shapeOf>, { type: 'choice' }>,
  value: unknown,
  step: string | number,
): z.ZodType {
  if (step === shape.key) return z.enum([...shape.options.keys()]);
  const option = shape.options.get(String(memberOf(value, shape.key)));
  const inner = option === undefined ? null : shapeOf(option);
  return (inner?.type === 'object' ? inner.fields[step] : undefined) ?? z.unknown();
}

function memberOf(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
  return (value as Record<string | number, unknown>)[step];
}

const formats: Readonly<Record<string, string>> = {
  duration: 'a duration such as `500ms`, `30s` or `1m30s`',
  regexp: 'an expression in RE2 syntax',
  base64: 'base64 text',
  cidr: 'an IP address or network, such as `10.0.0.0/8`',
  url: 'a URL',
};

/** What a value must look like, as the end of a sentence. */
export function expectedForm(schema: z.ZodType): string {
  const format = formats[metaOf(schema).format];
  if (format !== undefined) return format;
  const bare = unwrap(schema);
  if (bare instanceof z.ZodString) {
    const least = (bare.minLength ?? 0) > 0 ? ' that is not empty' : '';
    return `a text${least}`;
  }
  if (bare instanceof z.ZodNumber) {
    const whole = bare.format === 'safeint' ? 'a whole number' : 'a number';
    const { minValue, maxValue } = bare;
    if (maxValue === null || maxValue >= Number.MAX_SAFE_INTEGER) {
      return minValue === null || minValue <= Number.MIN_SAFE_INTEGER ? whole : `${whole} from ${minValue} on`;
    }
    return `${whole} from ${minValue ?? 0} to ${maxValue}`;
  }
  if (bare instanceof z.ZodBoolean) return '`true` or `false`';
  if (bare instanceof z.ZodEnum) return `one of ${quoted(bare.options.map(String))}`;
  if (bare instanceof z.ZodLiteral) return quoted([...bare.values].map(String));
  if (bare instanceof z.ZodArray) return 'a list';
  if (bare instanceof z.ZodObject || bare instanceof z.ZodRecord || bare instanceof z.ZodDiscriminatedUnion) {
    return 'a mapping';
  }
  if (bare instanceof z.ZodUnion) return (bare.options as z.ZodType[]).map(expectedForm).join(' or ');
  return 'another value';
}

function enumHint(place: Located): string {
  const bare = unwrap(place.schema);
  if (!(bare instanceof z.ZodEnum) || typeof place.value !== 'string') return '';
  const near = nearest(place.value, bare.options.map(String));
  return near === null || near === '' ? '' : `; did you mean \`${near}\`?`;
}

function quoted(values: readonly string[]): string {
  return values.map((value) => (value === '' ? '``' : `\`${value}\``)).join(', ');
}
