import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { base64Field, cidrField, list, map, regexpField, requiredText, text } from './fields.ts';
import { isObjectName } from './names.ts';

const takes = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success;

describe('fields', () => {
  it.each(['', 'YQ==', 'YQ', 'YWI=', 'YW\nJj', 'abcd'])('base64 takes %j', (value) => {
    expect(takes(base64Field('x'), value)).toBe(true);
  });

  it.each(['a', '%%%%', 'YQ==YQ==', 'Y=Q=', '-_-_'])('base64 refuses %j', (value) => {
    expect(takes(base64Field('x'), value)).toBe(false);
  });

  it.each(['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '::ffff:10.0.0.1'])(
    'an address or network takes %s',
    (value) => {
      expect(takes(cidrField('x'), value)).toBe(true);
    },
  );

  it.each(['', '10.0.0', '10.0.0.0/33', 'localhost', 'fe80::1%eth0', '010.0.0.1'])('it refuses %j', (value) => {
    expect(takes(cidrField('x'), value)).toBe(false);
  });

  it('an expression is refused with the reason, and without its own text twice', () => {
    const result = regexpField('x').safeParse('a(b');
    expect(result.error?.issues[0]?.message).toBe('an expression in RE2 syntax (missing closing ): `a(b`)');
    expect(takes(regexpField('x'), '(?i)^/a(b|c)+$')).toBe(true);
  });

  it('texts, lists and maps have bounds', () => {
    expect(takes(text('x', 2), 'abc')).toBe(false);
    expect(takes(requiredText('x'), '')).toBe(false);
    expect(takes(list(text('x'), 1, 'x'), ['a', 'b'])).toBe(false);
    expect(takes(map(text('x'), 1, 'x'), { a: '', b: '' })).toBe(false);
    expect(takes(map(text('x'), 2, 'x'), { a: '', b: '' })).toBe(true);
  });
});

describe('isObjectName', () => {
  it.each(['a', 'Web-1_~.x', 'ä', '名前', 'a'.repeat(253)])('takes %.20s', (name) => {
    expect(isObjectName(name)).toBe(true);
  });

  it.each(['', 'a b', 'a/b', 'a:b', 'a\n', '<script>', 'a'.repeat(254)])('refuses %.20j', (name) => {
    expect(isObjectName(name)).toBe(false);
  });
});
