// Objects and units as a person may see them: debug pages and printed output. What is secret is said by the schemas of
// kinds and filters; a filter is found wherever a mapping names its kind. A kind that nobody knows shows nothing, since
// nothing is known about its fields.

import { unitKinds, type AnyUnit } from '#proxy/contract/units.ts';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import { redact, redactedText } from '#proxy/primitives/redact.ts';
import { resourceKindsByName } from './index.ts';
import type { RawObject } from './object.ts';

export function redactedObject(object: RawObject): unknown {
  const kind = resourceKindsByName.get(object.kind);
  if (kind === undefined) return { ...object, spec: redactedText, annotations: redactedText };
  return { ...object, spec: redactFilters(redact(kind.schema, object.spec)) };
}

export function redactedUnit(unit: AnyUnit): unknown {
  return { ...unit, content: redactFilters(redact(unitKinds[unit.kind].content, unit.content)) };
}

/** In an object a filter's fields stand beside its `kind`, in a unit below `spec`. */
function redactFilters(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactFilters);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redactFilters(member)]));
  const schema = typeof members['kind'] === 'string' ? filterSchemas.get(members['kind']) : undefined;
  if (schema === undefined) return members;
  const shown = redact(schema.spec, members) as Record<string, unknown>;
  return typeof shown['spec'] === 'object' ? { ...shown, spec: redact(schema.spec, shown['spec']) } : shown;
}
