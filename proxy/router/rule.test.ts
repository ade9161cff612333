import { describe, expect, it } from 'vitest';
import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import { hosts, ownerContent, path, readySlot, request, rule } from '#test/support/routes.ts';
import { RouterBuildError } from './build-error.ts';
import { compileOwner } from './owner.ts';
import { RouteMatch } from './route-match.ts';
import { closedRule, compileRule } from './rule.ts';

const name = 'rule/default/web/3';

function failure(content: RuleContent, semantics: OwnerContent['semantics'] = 'ordered'): RouterBuildError {
  try {
    compileRule(name, content, readySlot, semantics);
  } catch (error) {
    if (error instanceof RouterBuildError) return error;
    throw error;
  }
  throw new Error('was compiled');
}

const filter = { blockByDefault: false, allowIPs: ['10.0.0.1'], blockIPs: ['10.0.0.0/40'] };

describe('a rule that cannot be built says where and why', () => {
  it.each<[string, RuleContent, string]>([
    ['hosts[1].value', rule({ hosts: hosts('a.test', '~(') }), '"(" is not a valid regular expression'],
    ['ipFilter.blockIPs', rule({ ipFilter: filter }), '"10.0.0.0/40" needs a prefix length from 0 to 32'],
    ['paths[1].pathRegexp', rule({ paths: [path(), path({ pathRegexp: 'a(?=b)' })] }), '"a(?=b)" is not a valid'],
    [
      'paths[0].headers[0].regexp',
      rule({ paths: [path({ headers: [{ key: 'a', values: [], regexp: '[' }] })] }),
      '"["',
    ],
    [
      'paths[0].queries[0].regexp',
      rule({ paths: [path({ queries: [{ key: 'a', values: [], regexp: '[' }] })] }),
      '"["',
    ],
    ['paths[0].ipFilter.blockIPs', rule({ paths: [path({ ipFilter: filter })] }), '10.0.0.0/40'],
    ['paths[0].rewriteTarget', rule({ paths: [path({ rewriteTarget: '/x' })] }), 'needs one of path, pathPrefix'],
    ['paths[0].setHeaders', rule({ paths: [path({ setHeaders: { 'X-A\r\nEvil': '1' } })] }), 'is no header name'],
  ])('%s', (at, content, message) => {
    const error = failure(content);
    expect([error.unit, error.path]).toEqual([name, at]);
    expect(error.message).toContain(message);
  });

  // Easegress panics at these, and then at every start because the object is stored.
  it.each<[string, Partial<PathContent>, string]>([
    [
      'rewriteTarget',
      { path: '/u/{id}', rewriteTarget: '/x/{name}' },
      'uses {name}, which the path does not capture (it captures {id})',
    ],
    ['rewriteTarget', { path: '/u', rewriteTarget: '/x/{name}' }, 'it captures none'],
    ['rewriteTarget', { path: '/u/*', rewriteTarget: '/x/*' }, 'write {EG_WILDCARD}'],
    ['rewriteTarget', { path: '/u/{id}', rewriteTarget: '/x/{id' }, 'is not closed'],
    ['path', { path: '/u/{id' }, 'is not closed'],
    ['path', { path: '/u/{id}/{id}' }, 'captures "id" twice'],
    ['path', { path: '/u/*/x' }, '"*" may stand only at the end'],
    ['path', { path: '/u/*/{id}' }, '"*" may stand only at the end'],
    ['path', { path: '/u/{}' }, 'is no name for a capture'],
    ['path', { path: '/u/{a b}' }, 'is no name for a capture'],
    ['path', { path: '/u/{id:[}' }, 'is not a valid regular expression'],
    ['path', { path: '/u/{a}{b}' }, 'stand side by side'],
    ['path', { path: `/${'u'.repeat(4096)}{a}` }, 'is longer than 4095'],
  ])('as a pattern: %s of %j', (field, fields, message) => {
    const content = rule({ paths: [path(), path(fields)] });
    const error = failure(content, 'radix');
    expect(error.path).toBe(`paths[1].${field}`);
    expect(error.message).toContain(message);

    // Compiled without knowing the semantics, it is refused where it would come into use, naming the rule.
    const unaware = compileRule(name, content, readySlot);
    expect(() => compileOwner('o', ownerContent({ semantics: 'radix' }), [unaware])).toThrow(RouterBuildError);
    const good = compileOwner('o', ownerContent({ semantics: 'radix' }), [compileRule(name, rule(), readySlot)]);
    expect(() => good.replaceRule(0, unaware)).toThrow(RouterBuildError);
  });

  it('an owner with a bad ipFilter cannot be built', () => {
    expect(() => compileOwner('o', ownerContent({ ipFilter: filter }), [])).toThrow('10.0.0.0/40');
  });
});

describe('a closed rule', () => {
  it.each(['ordered', 'radix'] as const)('answers 503 for what it would have taken, %s', (semantics) => {
    const slot = readySlot;
    const content = rule({ hosts: hosts('a.test', '~('), paths: [path({ path: '/a', pathRegexp: '(' })] });
    const router = compileOwner('o', ownerContent({ semantics }), [
      compileRule('r0', rule({ paths: [path({ path: '/first' })] }), slot),
      closedRule<string>(name, content),
      compileRule('r2', rule({ paths: [path({ path: '/a' })] }), slot),
    ]);
    const match = new RouteMatch<string>();
    const ask = (target: string, authority: string) => router.route(request(target, { authority }), '', match);
    expect(ask('/first', 'a.test')).toBeNull();
    expect(ask('/a', 'a.test')).toBe('RouteUnavailable');
    expect(ask('/a', 'b.test')).toBeNull();
    expect(router.hosts().map(({ key }) => key)).toEqual(['any', 'exact:a.test']);
  });

  it('claims nothing when none of its hosts can be read', () => {
    const router = compileOwner('o', ownerContent(), [closedRule(name, rule({ hosts: hosts('~(') }))]);
    expect(router.hosts()).toEqual([]);
    expect(router.route(request('/'), '', new RouteMatch())).toBe('NoRoute');
  });
});
