import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readDocument } from './documents.ts';
import { readYaml } from './yaml.ts';

describe('readYaml', () => {
  it('splits at markers only, never inside a text', () => {
    const text = 'a: |\n  one\n  --- two\n  ---\nb: "x\n  --- y"\n---\nc: 1\n--- {d: 2}\n---- not a marker\n';
    const { documents, problems } = readYaml(text.replace('---- not a marker\n', ''));
    expect(problems).toEqual([]);
    expect(documents.map(({ value }) => value)).toEqual([
      { a: 'one\n--- two\n---\n', b: 'x --- y' },
      { c: 1 },
      { d: 2 },
    ]);
  });

  it('tells the line of a document and of a problem within the whole file', () => {
    const { documents, problems } = readYaml('# a\n---\n\n# b\na: 1\n---\nb: [\n---\nc: 1\n');
    expect(documents.map(({ line }) => line)).toEqual([5, 9]);
    expect(problems.map(({ line }) => line)).toEqual([7]);
  });

  it('reads directives, a byte order of lines with CR, and an end marker', () => {
    expect(readYaml('%YAML 1.2\n---\na: 1\n...\n').documents).toMatchObject([{ value: { a: 1 } }]);
    expect(readYaml('a: 1\r\n---\r\nb: 2\r\n').documents.map(({ value }) => value)).toEqual([{ a: 1 }, { b: 2 }]);
  });

  it('reads merge keys and aliases, within bounds', () => {
    const { documents } = readYaml('x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\nz: *x\n');
    expect(documents[0]?.value).toEqual({ x: { a: 1 }, y: { a: 1, b: 2 }, z: { a: 1 } });
  });

  it('parses a part again only when its text has changed', () => {
    const first = readYaml('a: {}\n---\nb: 1\n');
    const second = readYaml('a: {}\n---\nb: 2\n', first.parts);
    expect(second.documents[0]?.value).toBe(first.documents[0]?.value);
    expect(second.documents[1]?.value).toEqual({ b: 2 });
    expect([...second.parts.keys()]).toHaveLength(2);
  });

  it('reads back what was written, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { minLength: 1, maxLength: 4 }),
        (values) => {
          const { documents, problems } = readYaml(values.map((value) => `---\n${dump(value)}`).join(''));
          expect(problems).toEqual([]);
          expect(documents.map(({ value }) => JSON.stringify(value))).toEqual(
            values.map((value) => JSON.stringify(value)),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never throws, and neither does making an object of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const { value } of readYaml(text).documents) readDocument(value, 'x');
      }),
      { numRuns: 500 },
    );
  });
});
