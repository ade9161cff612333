// Objects and units as a person may see them: debug pages and printed output. What is secret is said by the schemas of
// kinds and filters; a filter is found wherever a mapping names its kind. A kind that nobody knows shows nothing, nor does
// a field that its schema has not, since nothing is known about them: a misspelt secret is still one.

import { unitKinds, type AnyUnit } from '#proxy/contract/units.ts';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import type { z } from 'zod';
import { redact, redactedText, withoutSecrets } from '#proxy/primitives/redact.ts';
import { shapeOf } from '#proxy/primitives/shape.ts';
import { resourceKindsByName } from './index.ts';
import type { RawObject } from './object.ts';

export function redactedObject(object: RawObject): unknown {
  const kind = resourceKindsByName.get(object.kind);
  // Annotations repeat whole specs (kubectl.kubernetes.io/last-applied-configuration).
  const annotations = Object.fromEntries(Object.keys(object.annotations).map((key) => [key, redactedText]));
  if (kind === undefined) return { ...object, spec: redactedText, annotations };
  const known = kind.body === 'whole' ? object.spec : hideUnknown(kind.schema, object.spec, noFields);
  const entries = object.kind === 'Filter' ? hideFilter(known) : hideFilterLists(known);
  return { ...object, spec: redactFilters(redact(kind.schema, entries)), annotations };
}

export function redactedUnit(unit: AnyUnit): unknown {
  return { ...unit, content: redactFilters(redact(unitKinds[unit.kind].content, unit.content)) };
}

const noFields: ReadonlySet<string> = new Set();
const filterFields: ReadonlySet<string> = new Set(['name', 'kind', 'filterRef']);

/** `value` with everything hidden that `schema` has no field for, but `beside`; in open objects members are kept. */
function hideUnknown(schema: z.ZodType, value: unknown, beside: ReadonlySet<string>): unknown {
  const shape = shapeOf(schema);
  if (shape.type === 'list' && Array.isArray(value))
    return value.map((item) => hideUnknown(shape.item, item, noFields));
  if (!isMapping(value)) return Array.isArray(value) && shape.type !== 'leaf' ? redactedText : value;
  const under = (of: (key: string) => z.ZodType | undefined, keep: boolean): unknown =>
    Object.fromEntries(
      Object.entries(value).map(([key, member]) => {
        const field = of(key);
        if (field !== undefined) return [key, hideUnknown(field, member, noFields)];
        return [key, keep || beside.has(key) ? member : redactedText];
      }),
    );
  switch (shape.type) {
    case 'object':
      return under(
        (key) => (Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined),
        shape.unknown === 'keep',
      );
    case 'map':
      return under(() => shape.value, true);
    case 'choice': {
      const option = shape.options.get(String(value[shape.key]));
      return option === undefined ? redactedText : hideUnknown(option, value, noFields);
    }
    case 'list':
      return redactedText;
    case 'leaf':
      return value;
    default:
      return shape satisfies never;
  }
}

/** Lists called `filters`, at the top or in the pipelines of a GlobalFilter. */
function hideFilterLists(value: unknown): unknown {
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (key === 'filters' && Array.isArray(member)) return [key, member.map(hideFilter)];
      return [key, key === 'beforePipeline' || key === 'afterPipeline' ? hideFilterLists(member) : member];
    }),
  );
}

function hideFilter(entry: unknown): unknown {
  if (!isMapping(entry)) return entry;
  const schema = filterSchemas.get(String(entry['kind']));
  if (schema !== undefined) return hideUnknown(schema.spec, entry, filterFields);
  return Object.fromEntries(
    Object.entries(entry).map(([key, member]) => [key, filterFields.has(key) ? member : redactedText]),
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In an object a filter's fields stand beside its `kind`, in a unit below `spec`. */
function redactFilters(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactFilters);
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redactFilters(member)]));
  const schema = typeof members['kind'] === 'string' ? filterSchemas.get(members['kind']) : undefined;
  if (schema === undefined) return members;
  const shown = redact(schema.spec, members) as Record<string, unknown>;
  return typeof shown['spec'] === 'object' ? { ...shown, spec: redact(schema.spec, shown['spec']) } : shown;
}
