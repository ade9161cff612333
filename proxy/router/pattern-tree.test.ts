// RadixTree semantics: each sentence and the documented example.

import { describe, expect, it } from 'vitest';
import type { PathContent } from '#proxy/contract/units.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { owner, path, request, rule } from '#test/support/routes.ts';
import { RouteMatch } from './route-match.ts';

const match = new RouteMatch<string>();

function radix(...paths: (string | Partial<PathContent>)[]) {
  const entries = paths.map((entry) => path(typeof entry === 'string' ? { path: entry } : entry));
  return owner([rule({ paths: entries })], { semantics: 'radix' });
}

function ask(router: ReturnType<typeof radix>, target: string, header = ''): string {
  const headers = header === '' ? new HeaderList() : HeaderList.of(['K', header]);
  const code = router.route(request(target, { headers }), '', match);
  if (code !== null) return code;
  const names = match.captures?.names ?? [];
  return [String(match.path?.index), ...names.map((name) => `${name}=${match.captures?.get(name)}`)].join(' ');
}

describe('a pattern', () => {
  it.each([
    ['/users/list', '/users/list', '0'],
    ['/users/list', '/users/list/', 'NoRoute'],
    ['/users/{id}', '/users/7', '0 id=7'],
    ['/users/{id}', '/users/', 'NoRoute'],
    ['/users/{id}', '/users/7/', 'NoRoute'],
    ['/users/{id}', '/users/a%20b', '0 id=a b'],
    ['/users/{id}/x', '/users//x', '0 id='],
    ['/users/{id:[0-9]+}', '/users/42', '0 id=42'],
    ['/users/{id:[0-9]+}', '/users/42a', 'NoRoute'],
    ['/users/{id:a|b}', '/users/ac', 'NoRoute'],
    ['/users/{id:[0-9]{3}}/x', '/users/123/x', '0 id=123'],
    ['/users/{id:.*}/x', '/users//x', 'NoRoute'],
    ['/users/{id:.*}/x', '/users/a/b/x', 'NoRoute'],
    ['/users/*', '/users/a/b', '0 EG_WILDCARD=a/b'],
    ['/users/*', '/users/', '0 EG_WILDCARD='],
    ['/users/*', '/users', 'NoRoute'],
    ['/*', '/', '0 EG_WILDCARD='],
    ['/f/{name}.json', '/f/a.json', '0 name=a'],
    ['/f/{name}.json', '/f/a/b.json', 'NoRoute'],
    ['/f/{a}-{b}', '/f/x-y', '0 a=x b=y'],
    ['/{a}/{b}/*', '/x/y/z/w', '0 a=x b=y EG_WILDCARD=z/w'],
  ])('%s and %s: %s', (pattern, target, expected) => {
    expect(ask(radix(pattern), target)).toBe(expected);
  });
});

describe('priority', () => {
  const documented = radix(
    '/users/*',
    '/users/{name:[a-z]*}/hovercard',
    '/users/{name}/hovercard',
    '/users/aniaan/hovercard',
  );

  it.each([
    ['/users/aniaan/hovercard', '3'],
    ['/users/12345/hovercard', '2 name=12345'],
    ['/users/localvar/hovercard', '1 name=localvar'],
    ['/users/test', '0 EG_WILDCARD=test'],
  ])('%s goes to %s, as documented', (target, expected) => {
    expect(ask(documented, target)).toBe(expected);
  });

  it('goes back when what lies below a more specific node has no route', () => {
    const router = radix('/a/*', '/a/b/{x}/c', '/a/{y}/d/e');
    expect(ask(router, '/a/b/d/e')).toBe('2 y=b');
    expect(ask(router, '/a/b/q/x')).toBe('0 EG_WILDCARD=b/q/x');
  });

  it('a longer static beginning comes first, wherever it ends', () => {
    const router = radix('/us{x}', '/users{y}', '/{z}');
    expect(ask(router, '/users7')).toBe('1 y=7');
    expect(ask(router, '/us7')).toBe('0 x=7');
    expect(ask(router, '/u')).toBe('2 z=u');
  });

  it('goes on when a condition fails, and remembers it', () => {
    const headers = [{ key: 'K', values: ['v'], regexp: '' }];
    const router = radix({ path: '/a/b', headers }, { path: '/a/{x}', headers }, { path: '/a/{y}', methods: ['PUT'] });
    expect(ask(router, '/a/b', 'v')).toBe('0');
    expect(ask(router, '/a/c', 'v')).toBe('1 x=c');
    expect(ask(router, '/a/b')).toBe('ConditionFailed');
  });

  it('entries of one pattern are tried in order, each with its own names', () => {
    const headers = [{ key: 'K', values: ['v'], regexp: '' }];
    const router = radix({ path: '/a/{x}', headers }, { path: '/a/{y}' });
    expect(ask(router, '/a/b', 'v')).toBe('0 x=b');
    expect(ask(router, '/a/b')).toBe('1 y=b');
  });

  it('rules stay in order: a wildcard of the first beats a static path of the second', () => {
    const router = owner([rule({ paths: [path({ path: '/*' })] }), rule({ paths: [path({ path: '/a' })] })], {
      semantics: 'radix',
    });
    expect(ask(router, '/a')).toBe('0 EG_WILDCARD=a');
    expect(match.rule?.name).toBe('rule/default/web/0');
  });

  it('pathPrefix and pathRegexp do not exist here: an entry without path matches nothing', () => {
    expect(ask(radix({ pathPrefix: '/' }, { pathRegexp: '.' }, {}), '/a')).toBe('NoRoute');
  });
});
