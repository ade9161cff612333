import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { absenceOf, inactiveFields, metaOf, shapeOf, walkFields } from './shape.ts';

const leaf = z.string().meta({ description: 'Leaf.', secret: true });
const schema = z.strictObject({
  a: leaf.optional(),
  b: z.array(z.strictObject({ c: leaf.default('x') }).meta({ description: 'Item.' })).default([]),
  d: z.record(z.string(), z.object({ e: leaf })).meta({ inactive: true, protects: true }),
  f: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('G'), g: leaf }),
      z.looseObject({ kind: z.literal('H'), h: leaf.meta({ inactive: true }) }),
    ])
    .optional(),
});

describe('a schema from outside', () => {
  it('is walked through lists, maps and choices', () => {
    expect([...walkFields(schema)].map((field) => field.path)).toEqual([
      'a',
      'b',
      'b[].c',
      'd',
      'd.*.e',
      'f',
      'f.kind',
      'f.g',
      'f.kind',
      'f.h',
    ]);
  });

  it('says what it is whatever is wrapped around it', () => {
    expect(metaOf(leaf.default('x').optional())).toMatchObject({ description: 'Leaf.', secret: true, protects: false });
    expect(metaOf(leaf.optional().meta({ description: 'Outer.' })).description).toBe('Outer.');
    expect(metaOf(leaf.max(5)).secret).toBe(true);
  });

  it('says what becomes of unknown fields', () => {
    const unknown = (object: z.ZodType) => {
      const shape = shapeOf(object);
      return shape.type === 'object' ? shape.unknown : shape.type;
    };
    expect([z.strictObject({}), z.object({}), z.looseObject({})].map(unknown)).toEqual(['refuse', 'drop', 'keep']);
  });

  it('says what absence means', () => {
    expect(absenceOf(leaf)).toEqual({ optional: false, fallback: undefined });
    expect(absenceOf(leaf.optional())).toEqual({ optional: true, fallback: undefined });
    expect(absenceOf(leaf.default('x').meta({ description: 'y' }))).toEqual({ optional: true, fallback: 'x' });
  });

  it('lists what is not active, each branch once', () => {
    expect(inactiveFields(schema)).toEqual([
      { path: 'd', protects: true },
      { path: 'f.h', protects: false },
    ]);
  });
});
