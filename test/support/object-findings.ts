// Asking an object what is wrong with it, and tables of such questions.

import { expect, it } from 'vitest';
import type { RawObject } from '#operator/resources/object.ts';
import { parseObject } from '#operator/resources/parse-object.ts';

export function rawObject(kind: string, spec: Record<string, unknown>): RawObject {
  const head = { namespace: 'default', name: 'x', createdAt: '', generation: 0, labels: {}, annotations: {} };
  return { kind, ...head, spec, location: 'x.yaml:1', imported: false };
}

/** `code path | message` of every finding. */
export function findingsOf(kind: string, spec: Record<string, unknown>): string[] {
  return parseObject(rawObject(kind, spec)).diagnostics.map(
    ({ code, path, message }) => `${code} ${path} | ${message}`,
  );
}

/** What is wrong, the spec, `code path` of the finding, and what its message must name. */
export type FindingCase = [title: string, spec: Record<string, unknown>, where: string, ...names: string[]];

export function itFinds(kind: string, cases: readonly FindingCase[]): void {
  it.each(cases)('%s', (_title, spec, where, ...names) => {
    const found = findingsOf(kind, spec);
    const one = found.find((line) => line.startsWith(`${where} | `));
    expect(one, found.join('\n')).toBeDefined();
    for (const name of names) expect(one).toContain(name);
  });
}
