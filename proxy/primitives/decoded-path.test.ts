import { describe, expect, it } from 'vitest';
import { decodedPathOf } from './decoded-path.ts';

describe('a path', () => {
  it.each([
    ['/a%2Fb?%61', '/a/b'],
    ['/%61%zz%', '/a%zz%'],
    ['/%c3%a9', '/é'],
    ['/%ff', '/\udcff'],
    ['/\u00c3\u00a9', '/é'],
    ['/plain?x', '/plain'],
    ['/plain', '/plain'],
  ])('%j decodes to %j', (target, path) => {
    expect(decodedPathOf(target)).toBe(path);
  });
});
