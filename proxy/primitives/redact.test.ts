import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { redact, redactedText, withoutSecrets } from './redact.ts';

const canary = 'canary-4711';
const secret = z.string().meta({ secret: true });

describe('redact', () => {
  const nested = z.object({ key: secret, other: z.string() });
  const cases: [name: string, schema: z.ZodType, value: unknown][] = [
    ['a field', nested, { key: canary, other: 'x' }],
    ['a field with a default', z.object({ key: secret.default('') }), { key: canary }],
    ['an optional nullable field', z.object({ key: secret.nullable().optional() }), { key: canary }],
    [
      'a field marked after its wrapper',
      z.object({ key: z.string().optional().meta({ secret: true }) }),
      { key: canary },
    ],
    ['items of a list', z.array(nested), [{ key: canary, other: 'x' }]],
    ['items of a tuple', z.tuple([z.string(), secret]), ['x', canary]],
    ['values of a record', z.record(z.string(), secret), { a: canary }],
    ['an option of a union', z.union([z.object({ a: z.string() }), nested]), { key: canary, other: 'x' }],
    [
      'an option of a discriminated union',
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a'), key: z.string() }),
        z.object({ kind: z.literal('b'), key: secret }),
      ]),
      { kind: 'b', key: canary },
    ],
    ['both sides of an intersection', z.intersection(z.object({ a: z.string() }), nested), { a: 'x', key: canary }],
    ['what a transform reads', secret.transform((text) => text), canary],
    ['a lazy schema', z.lazy(() => nested), { key: canary }],
    ['a whole object', z.object({ a: z.string() }).meta({ secret: true }), { a: canary }],
    ['the rest of an object', z.object({}).catchall(secret), { unknown: canary }],
  ];
  for (const [name, schema, value] of cases) {
    it(`takes out ${name}`, () => {
      const text = JSON.stringify(redact(schema, value));
      expect(text).not.toContain(canary);
      expect(text).toContain(redactedText);
    });
  }

  it.each([0, 1, 2])(
    'takes out a private key that stands in a field for something else (%i bytes before it)',
    (size) => {
      const pem = `${'x'.repeat(size)}-----BEGIN EC PRIVATE KEY-----\n${canary.repeat(20)}\n-----END EC PRIVATE KEY-----\n`;
      const coded = Buffer.from(pem).toString('base64');
      for (const text of [pem, coded, (coded.match(/.{1,7}/g) ?? []).join(' ')]) {
        expect(redact(nested, { key: '', other: text })).toEqual({ key: '', other: redactedText });
        expect(withoutSecrets(text)).toBe(redactedText);
      }
    },
  );

  it('leaves the value itself and what is not secret alone', () => {
    const value = { key: canary, other: 'x' };
    expect(redact(nested, value)).toEqual({ key: redactedText, other: 'x' });
    expect(value.key).toBe(canary);
  });

  it('shows that a secret is empty', () => {
    expect(redact(nested, { key: '', other: 'x' })).toEqual({ key: '', other: 'x' });
  });

  it('bears values that do not fit the schema', () => {
    expect(redact(nested, 'text')).toBe('text');
    expect(redact(z.array(nested), { a: 1 })).toEqual({ a: 1 });
  });
});
