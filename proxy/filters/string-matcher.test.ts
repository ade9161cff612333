import { describe, expect, it } from 'vitest';
import { RegexpError } from '#proxy/primitives/regexp.ts';
import { stringMatcherSchema } from './string-matcher-schema.ts';
import { compileStringMatcher } from './string-matcher.ts';

describe('a string matcher', () => {
  it.each<[object, string, boolean]>([
    [{ exact: 'a' }, 'a', true],
    [{ exact: 'a' }, 'A', false],
    [{ exact: 'a' }, '', false],
    [{ prefix: '/a' }, '/ab', true],
    [{ prefix: '/a' }, '/b', false],
    [{ regex: 'b+c' }, 'abbcd', true],
    [{ regex: '^b' }, 'ab', false],
    [{ exact: 'a', prefix: '/b', regex: 'c$' }, 'a', true],
    [{ exact: 'a', prefix: '/b', regex: 'c$' }, '/bx', true],
    [{ exact: 'a', prefix: '/b', regex: 'c$' }, 'xc', true],
    [{ exact: 'a', prefix: '/b', regex: 'c$' }, 'x', false],
    [{ exact: '', prefix: '/b' }, '', false],
    [{ exact: 'a', prefix: '' }, 'b', false],
    [{ exact: 'a', regex: '' }, 'b', false],
    [{ empty: true }, '', true],
    [{ empty: true }, 'a', false],
  ])('%j on %j: %s', (matcher, text, fits) => {
    expect(compileStringMatcher(stringMatcherSchema.parse(matcher))(text)).toBe(fits);
  });

  it('with an expression that RE2 does not know is refused when it is built', () => {
    expect(() => compileStringMatcher({ regex: '(?=a)', empty: false })).toThrow(RegexpError);
  });
});
