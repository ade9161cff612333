import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompileChange, type Compiler, createCompiler } from '#operator/compile/compile.ts';
import { keyOf } from '#operator/resources/object.ts';
import { rawObject } from '#test/support/objects.ts';
import { UnitIndex } from './unit-index.ts';

const server = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c'),
    port: fc.constantFrom(8080, 8081),
    settings: fc.constantFrom({}, { keepAlive: false }, { maxConnections: 'no' }),
    backend: fc.constantFrom({ backend: 'p' }, { backendPool: { servers: [{ url: 'http://a.test' }] } }),
  })
  .map(({ name, port, settings, backend }) =>
    rawObject('HTTPServer', name, { port, ...settings, rules: [{ paths: [backend] }] }),
  );
const pipeline = fc
  .constantFrom({ name: 'm', kind: 'Mock' }, { name: 'm', filterRef: { name: 'f' } })
  .map((filter) => rawObject('Pipeline', 'p', { filters: [filter] }));
const filter = fc.constant(rawObject('Filter', 'f', { kind: 'Mock' }));
const change: fc.Arbitrary<CompileChange> = fc
  .tuple(fc.oneof({ weight: 4, arbitrary: server }, pipeline, filter), fc.nat(3))
  .map(([object, dice]) => (dice === 0 ? { type: 'delete', key: keyOf(object) } : { type: 'upsert', object }));

/** What the index should say, worked out from all units. */
function expected(compiler: Compiler): Map<string, Map<string, string>> {
  const byObject = new Map<string, Map<string, string>>();
  const add = (object: string, name: string, hash: string | undefined): void => {
    const units = byObject.get(object) ?? new Map<string, string>();
    byObject.set(object, units.set(name, hash ?? 'absent'));
  };
  for (const { unit } of compiler.units().values()) {
    for (const object of unit.origins.map(keyOf)) {
      add(object, unit.name, unit.hash);
      if (unit.kind === 'owner') {
        add(object, unit.content.listener, compiler.units().get(unit.content.listener)?.unit.hash);
      }
    }
  }
  return byObject;
}

describe('unit index', () => {
  it('knows after any history which units an object answers for, and who answers for a unit', () => {
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 3 }), { maxLength: 8 }), (batches) => {
        const compiler = createCompiler();
        const index = new UnitIndex();
        for (const batch of batches) {
          const before = expected(compiler);
          const dirty = new Set<string>();
          index.take(compiler.update(batch), dirty);
          const now = expected(compiler);
          for (const key of new Set([...before.keys(), ...now.keys()])) {
            expect(index.unitsOf(key)).toEqual(now.get(key) ?? new Map());
            const [was, is] = [before.get(key) ?? new Map(), now.get(key) ?? new Map()];
            const same = was.size === is.size && [...was].every(([unit, hash]) => is.get(unit) === hash);
            if (!same) expect(dirty).toContain(key);
          }
          for (const name of compiler.units().keys()) {
            const objects = [...now].filter(([, units]) => units.has(name)).map(([key]) => key);
            expect([...index.objectsOf(name)].toSorted()).toEqual(objects.toSorted());
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
