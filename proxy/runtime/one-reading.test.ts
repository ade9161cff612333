import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as primitives from '#proxy/primitives/decoded-path.ts';
import * as router from '#proxy/router/request-path.ts';

const pieces = '/ a % %6 %61 %2F %2f %zz %c3%a9 %c3 %ff %f0%9f%98%80 \u00c3\u00a9 ? %3f .. %2e ; \\ %00 %25'.split(' ');
const piece = fc.constantFrom(...pieces);

describe('a path', () => {
  it('is read alike by the router and by filters, so that no spelling reaches a route and misses a limit', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join('')}`;
        expect(primitives.decodedPathOf(target)).toBe(router.decodedPathOf(target));
      }),
    );
  });

  it.each([
    ['/a%2Fb?%61', '/a/b'],
    ['/%61%zz%', '/a%zz%'],
    ['/%c3%a9', '/é'],
    ['/%ff', '/\udcff'],
    ['/\u00c3\u00a9', '/é'],
    ['/plain?x', '/plain'],
    ['/plain', '/plain'],
  ])('%j decodes to %j', (target, path) => {
    expect(primitives.decodedPathOf(target)).toBe(path);
  });
});
