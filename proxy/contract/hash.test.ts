import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unitHash, ViewVersion } from './hash.ts';

function versionOf(entries: readonly (readonly [string, string])[]): string {
  const version = new ViewVersion();
  for (const [name, hash] of entries) version.add(name, hash);
  return version.toString();
}

describe('the version of a view', () => {
  it('is the same for the same units in any order, after any detour', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.string()), { selector: ([name]) => name, maxLength: 20 });
    fc.assert(
      fc.property(entries, entries, (kept, detour) => {
        const version = new ViewVersion();
        // Removed before others are added: the sum is negative in between.
        for (const [name, hash] of detour) version.remove(name, hash);
        for (const [name, hash] of [...detour, ...kept.toReversed()]) version.add(name, hash);
        expect(version.toString()).toBe(versionOf(kept));
      }),
      { numRuns: 50 },
    );
  });

  it('differs when a name, a hash or their border differs, and stays what released proxies keep on disk', () => {
    const versions = [
      [['a', 'b']],
      [['a', 'c']],
      [['b', 'b']],
      [['ab', '']],
      [
        ['a', 'b'],
        ['b', 'a'],
      ],
    ] as const;
    expect(new Set(versions.map(versionOf)).size).toBe(versions.length);
    expect(versionOf([])).toBe('0-0');
    expect(versionOf([['rule/a', '00ff']])).toMatchInlineSnapshot(
      `"1-6641c9582afdfc3dc0979eef6ad7e4ddf16aa10c9ab8c2c78ae5cc3cb5edb2bc"`,
    );
  });

  it('has the length of a hash, however many units there are', () => {
    const entries = Array.from({ length: 300 }, (_, i) => [`rule/${i}`, 'h'] as const);
    expect(versionOf(entries)).toMatch(/^300-[0-9a-f]{1,64}$/);
  });
});

describe('the hash of a unit', () => {
  it('covers kind, name, content and origins, and not the order of fields', () => {
    const origin = { kind: 'HTTPServer', namespace: 'default', name: 'web' };
    const hash = unitHash('rule', 'rule/a', { a: 1, b: 2 }, [origin]);
    expect(unitHash('rule', 'rule/a', { b: 2, a: 1 }, [origin])).toBe(hash);
    const others = [
      unitHash('owner', 'rule/a', { a: 1, b: 2 }, [origin]),
      unitHash('rule', 'rule/b', { a: 1, b: 2 }, [origin]),
      unitHash('rule', 'rule/a', { a: 1, b: 3 }, [origin]),
      unitHash('rule', 'rule/a', { a: 1, b: 2 }, []),
    ];
    expect(new Set([hash, ...others]).size).toBe(5);
  });
});
