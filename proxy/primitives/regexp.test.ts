import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegexpError, anchoredLiteral, compile, maxPatternLength } from './regexp.ts';

describe('compile', () => {
  it.each([
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['^ab', 'abc', true],
    ['bc$', 'abc', true],
    ['^abc$', 'abc', true],
    ['^abc$', 'abcd', false],
    ['a\\.c', 'abc', false],
    ['a\\.c', 'xa.cx', true],
    ['a\\$', 'a$', true],
    ['a\\\\$', 'xa\\', true],
    ['', 'anything', true],
    ['^', '', true],
    ['$', 'x', true],
    // Go says no; a decoded `%0a` would then hide a path from the rule that protects it.
    ['a.c', 'a\nc', true],
    ['^/admin/.*$', '/admin/x\ny', true],
    ['(?-s)a.c', 'a\nc', false],
    ['(?i)ABC', 'xabcx', true],
    ['\\d{3}', 'a123', true],
    ['\\pL+\\z', 'é', true],
    ['^/(api|web)/', '/web/x', true],
  ])('%j searches %j: %j', (pattern, text, expected) => {
    expect(compile(pattern).test(text)).toBe(expected);
  });

  it.each([
    ['a|bc', 'bc', true],
    ['a|bc', 'abc', false],
    ['a', 'a', true],
    ['a', 'ab', false],
    ['^a$', 'a', true],
  ])('%j takes the whole of %j: %j', (pattern, text, expected) => {
    expect(compile(pattern).testWhole(text)).toBe(expected);
  });

  it.each(['[', 'a**', '(?=a)', '(a)\\1', '\\', '(a{1000}){1000}', '(?P<n', '\\8'])(
    'refuses %j with its reason',
    (pattern) => {
      expect(() => compile(pattern)).toThrow(RegexpError);
      expect(() => compile(pattern)).toThrow(`"${pattern}" is not a valid regular expression: `);
    },
  );

  it('refuses a pattern that is too long, without repeating it', () => {
    expect(() => compile('a'.repeat(maxPatternLength))).not.toThrow();
    expect(() => compile('a'.repeat(maxPatternLength + 1))).toThrow(/^"a{80}…" is not a valid regular expression/);
  });

  const long = 'abc'.repeat(100);
  it.each([
    'ab{1000}'.repeat(100),
    `(${long}){1000}`,
    `(((${long}){10}){10}){10}`,
    `(${long}\\Q(\\E){1000}`,
    `(${long}[(]){1000}`,
    `(${long}[]()]){1000}`,
    `(${long}\\(){1000}`,
    `(${long}[[:alpha:](]){1000}`,
  ])('refuses one that becomes very large when written out', (pattern) => {
    expect(() => compile(pattern)).toThrow('its counted repetitions are too large together');
  });

  it.each(['[a-z]{1,253}[0-9]{1,253}', '(a|b){1000}', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'])(
    'accepts %j',
    (pattern) => {
      expect(() => compile(pattern)).not.toThrow();
    },
  );

  it('ends in linear time where backtracking would not end at all', () => {
    expect(compile('^(a+)+$').test(`${'a'.repeat(20_000)}!`)).toBe(false);
  });

  it('gives equal patterns the same automaton', () => {
    expect(compile('a+b')).toBe(compile('a+b'));
  });
});

describe('replaceAll', () => {
  // What Go's Regexp.ReplaceAllString gives.
  it.each([
    ['^/api/(.*)$', '/api/x/y', '/v2/$1', '/v2/x/y'],
    ['a', 'banana', 'o', 'bonono'],
    ['(?P<first>\\w+) (\\w+)', 'ab cd', '${2}-${first}', 'cd-ab'],
    ['(a)(b)?', 'a', '[$1][$2]', '[a][]'],
    ['(a)', 'a', '$1x', ''],
    ['(a)', 'a', '${1}x', 'ax'],
    ['(a)', 'a', '$0$0', 'aa'],
    ['a', 'a', '$$1', '$1'],
    ['a', 'a', '$', '$'],
    ['a', 'a', '${1', '${1'],
    ['(a)', 'a', '$9', ''],
    ['a', 'a', '$nope', ''],
    ['a*', 'baaac', 'x', 'xbxcx'],
    ['', 'ab', '-', '-a-b-'],
    ['x*', '😀', '-', '-😀-'],
    ['^a', 'aa', 'b', 'ba'],
    ['b', 'aaa', 'x', 'aaa'],
    ['\\bcat', 'cat concat cat', 'dog', 'dog concat dog'],
    ['a', 'aa', '$&', '$&$&'],
    ['a', 'aa', '', ''],
  ])('%j in %j by %j gives %j', (pattern, text, replacement, expected) => {
    expect(compile(pattern).replaceAll(text, replacement)).toBe(expected);
  });
});

describe('anchoredLiteral', () => {
  it.each([
    ['^/api/v1/.*', '/api/v1/'],
    ['^/api', '/api'],
    ['^/ab+', '/ab'],
    ['^/ab?c', '/a'],
    ['^/ab*', '/a'],
    ['^/ab{0,2}', '/a'],
    ['^/a\\.b(c)', '/a.b'],
    ['^/a\\d', '/a'],
    ['^/a|/b', ''],
    ['/a', ''],
    ['(?i)^/a', ''],
    ['^(?i)a', ''],
    ['^/a$', '/a'],
    ['^/😀?', '/'],
    ['', ''],
    ['^^/a', ''],
  ])('%j gives %j', (pattern, expected) => {
    expect(anchoredLiteral(pattern)).toBe(expected);
  });

  it('never excludes a text that the pattern matches, and shortcuts agree with the engine', () => {
    const piece = fc.constantFrom(
      '^',
      '$',
      'a',
      'b',
      '/',
      '.',
      '*',
      '+',
      '?',
      '{0,1}',
      '\\.',
      '\\d',
      '(',
      ')',
      '|',
      '[ab]',
      '(?i)',
      '\\/',
      '\\Q\\E',
    );
    const text = fc.array(fc.constantFrom('a', 'b', '/', '.', '1', 'A', '\n'), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), text, (pieces, characters) => {
        const pattern = pieces.join('');
        const subject = characters.join('');
        let matches: boolean;
        try {
          matches = compile(pattern).test(subject);
        } catch {
          return; // not a pattern
        }
        if (matches) expect(subject.startsWith(anchoredLiteral(pattern)), `${pattern} on ${subject}`).toBe(true);
        // The same pattern in a group has no shortcut.
        expect(compile(`(?:${pattern})`).test(subject), `${pattern} on ${subject}`).toBe(matches);
        expect(compile(`(?:${pattern})`).testWhole(subject), `${pattern} is ${subject}`).toBe(
          compile(pattern).testWhole(subject),
        );
      }),
      { numRuns: 3000 },
    );
  });
});
