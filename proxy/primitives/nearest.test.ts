import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['ipFliter', 'ipFilter'],
    ['ipfilter', 'ipFilter'],
    ['ip_filter', 'ipFilter'],
    ['pathprefix', 'pathPrefix'],
    ['backends', 'backend'],
    ['prot', 'port'],
  ])('takes %s for %s', (name, meant) => {
    expect(nearest(name, ['port', 'rules', 'ipFilter', 'backend', 'pathPrefix'])).toBe(meant);
  });

  it.each(['colour', 'x', '', 'a'.repeat(100_000)])('takes %.10s for nothing', (name) => {
    expect(nearest(name, ['port', 'rules', 'ipFilter', 'backend'])).toBeNull();
  });

  it('prefers the smaller distance, then the first', () => {
    expect(nearest('cert', ['certs', 'cert'])).toBe('cert');
    expect(nearest('kers', ['keys', 'kerb'])).toBe('keys');
  });
});

describe('editDistance', () => {
  it('counts a swap of neighbours once', () => {
    expect(editDistance('prot', 'port')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });
});
