import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import { shapeOf } from '#proxy/primitives/shape.ts';
import { rawObject } from '#test/support/object-findings.ts';
import type { HttpServerSpec } from './http-server.ts';
import { resourceKinds } from './index.ts';
import { parseObject } from './parse-object.ts';

const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>;
const kinds = resourceKinds.map((kind) => kind.kind);

/** Specs that have the right names and wrong contents, which get further than noise does. */
function namedFields(schema: (typeof resourceKinds)[number]['schema']): fc.Arbitrary<Record<string, unknown>> {
  const shape = shapeOf(schema);
  const names = shape.type === 'object' ? Object.keys(shape.fields) : [];
  return fc.dictionary(fc.constantFrom(...names), anything);
}

describe('parseObject', () => {
  it('never throws, and says something wherever it gives no value', () => {
    const spec = fc.oneof(
      fc.dictionary(fc.string(), anything),
      ...resourceKinds.map((kind) => namedFields(kind.schema)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kinds), spec, (kind, fields) => {
        const { value, diagnostics } = parseObject(rawObject(kind, fields));
        if (value === null) expect(diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
        for (const { message, path } of diagnostics) {
          expect(message.length).toBeGreaterThan(10);
          expect(message.length).toBeLessThan(2000);
          expect(path).not.toContain('undefined');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never throws for any kind of filter with any fields', () => {
    fc.assert(
      fc.property(fc.constantFrom(...filterSchemas.keys()), fc.dictionary(fc.string(), anything), (kind, fields) => {
        parseObject(rawObject('Pipeline', { filters: [{ ...fields, name: 'f', kind }] }));
      }),
      { numRuns: 200 },
    );
  });

  it('leaves the paths of other rules as they are when one rule goes wrong behind its host', () => {
    const good = { host: 'good.io', paths: [{ path: '/a', backend: 'a' }] };
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('paths', 'ipFilter', 'colour'), anything), (bad) => {
        const rules = [{ ...bad, host: 'bad.io' }, good];
        const { value } = parseObject(rawObject('HTTPServer', { port: 1, rules }));
        const spec = value?.spec as HttpServerSpec;
        expect(spec.rules.at(-1)).toMatchObject({ index: 1, host: 'good.io', paths: [{ path: '/a', refused: false }] });
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same for the same, whatever it read in between', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), namedFields(resourceKinds[0]?.schema as never), (kind, fields) => {
        const first = parseObject(rawObject(kind, fields));
        parseObject(rawObject('HTTPServer', { port: 5, ipFliter: 1 }));
        expect(parseObject(rawObject(kind, fields))).toEqual(first);
      }),
      { numRuns: 100 },
    );
  });
});
