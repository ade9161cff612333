// Tables of fields. Cells are not padded: one longer word would rewrite every line of a table.

import { z } from 'zod';
import { absenceOf, metaOf, shapeOf, unwrap, walkFields, type WalkedField } from '#proxy/primitives/shape.ts';

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

/** One row per field below the schema. */
export function fieldTable(schema: z.ZodType): string {
  const rows: string[][] = [];
  for (const field of walkFields(schema)) {
    const marks = marksOf(field);
    rows.push([
      `\`${field.path}\``,
      typeOf(field.schema),
      fallbackOf(field.schema),
      [field.meta.description, ...marks].join(' '),
    ]);
  }
  return table(['Field', 'Type', 'Default', 'Meaning'], rows);
}

function marksOf({ meta }: WalkedField): string[] {
  const marks: string[] = [];
  if (meta.inactive) marks.push(meta.protects ? '_Not yet active: the object is refused._' : '_Not yet active._');
  if (meta.inactiveValues.length > 0) {
    marks.push(`_Not yet active: ${meta.inactiveValues.map((value) => `\`${String(value)}\``).join(', ')}._`);
  }
  if (meta.secret) marks.push('_Secret._');
  return marks;
}

function typeOf(schema: z.ZodType): string {
  const { format } = metaOf(schema);
  if (format !== '') return format;
  const shape = shapeOf(schema);
  switch (shape.type) {
    case 'object':
    case 'choice':
      return 'object';
    case 'list':
      return `list of ${typeOf(shape.item)}`;
    case 'map':
      return `map of ${typeOf(shape.value)}`;
    case 'leaf':
      return leafType(unwrap(shape.schema));
    default:
      return shape satisfies never;
  }
}

function leafType(schema: z.ZodType): string {
  if (schema instanceof z.ZodString) return 'text';
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodEnum)
    return schema.options.map((option) => (option === '' ? 'empty' : `\`${option}\``)).join(', ');
  if (schema instanceof z.ZodLiteral) return [...schema.values].map((value) => `\`${String(value)}\``).join(', ');
  if (schema instanceof z.ZodUnion) return (schema.options as z.ZodType[]).map(leafType).join(' or ');
  if (schema instanceof z.ZodNumber) return numberType(schema);
  return 'any';
}

function numberType(schema: z.ZodNumber): string {
  const { minValue, maxValue } = schema;
  const bounded = minValue !== null && maxValue !== null && Math.abs(maxValue) < Number.MAX_SAFE_INTEGER;
  return bounded ? `number, ${minValue} to ${maxValue}` : 'number';
}

function fallbackOf(schema: z.ZodType): string {
  const { optional, fallback } = absenceOf(schema);
  if (!optional) return 'required';
  if (fallback === undefined || fallback === '') return '';
  if (typeof fallback === 'object' && Object.keys(fallback as object).length === 0) return '';
  return `\`${typeof fallback === 'string' ? fallback : JSON.stringify(fallback)}\``;
}

function escapeCell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/\s*\n\s*/g, ' ');
}
