// Each sentence of the reference about rules, paths, conditions, filters and codes, as a row.

import { describe, expect, it } from 'vitest';
import type { OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { compiled, hosts, owner, ownerContent, path, request, rule } from '#test/support/routes.ts';
import { type OwnerRouter, compileOwner } from './owner.ts';
import { RouteMatch } from './route-match.ts';
import { compileRule } from './rule.ts';

const match = new RouteMatch<string>();
const me = '192.0.2.1';

/** `rule/path` that took the request, or the code. */
function ask(router: OwnerRouter<string>, head: ReturnType<typeof request>, ip = me): string {
  const code = router.route(head, ip, match);
  return code ?? `${match.rule?.name.split('/').at(-1)}/${match.path?.index}`;
}

function withPaths(...paths: Partial<PathContent>[]): OwnerRouter<string> {
  return owner([rule({ paths: paths.map(path) })]);
}

describe('path text', () => {
  it.each<[string, Partial<PathContent>, string, boolean]>([
    ['an exact path', { path: '/a' }, '/a', true],
    ['an exact path is no prefix', { path: '/a' }, '/a/', false],
    ['the query is no part of the path', { path: '/a' }, '/a?b', true],
    ['a prefix is plain text', { pathPrefix: '/foo' }, '/foobar', true],
    ['a prefix begins at the start', { pathPrefix: '/foo' }, '/x/foo', false],
    ['an expression is searched anywhere', { pathRegexp: 'o+' }, '/foo', true],
    ['an expression does not see the query', { pathRegexp: 'q' }, '/foo?q', false],
    ['without a path field everything matches', {}, '/anything', true],
    ['also the asterisk of OPTIONS', {}, '*', true],
    ['of several fields any one is enough: exact', { path: '/a', pathPrefix: '/b', pathRegexp: 'c$' }, '/a', true],
    ['of several fields any one is enough: prefix', { path: '/a', pathPrefix: '/b', pathRegexp: 'c$' }, '/bx', true],
    [
      'of several fields any one is enough: expression',
      { path: '/a', pathPrefix: '/b', pathRegexp: 'c$' },
      '/xc',
      true,
    ],
    ['of several fields none', { path: '/a', pathPrefix: '/b', pathRegexp: 'c$' }, '/x', false],
    ['the path is decoded', { path: '/a b' }, '/a%20b', true],
    ['once', { path: '/a b' }, '/a%2520b', false],
    ['also a slash', { path: '/a/b' }, '/a%2Fb', true],
    ['UTF-8', { pathPrefix: '/é' }, '/%C3%A9/x', true],
    ['raw UTF-8 bytes', { path: '/é' }, '/\u00c3\u00a9', true],
    ['a broken escape stays as it is', { pathPrefix: '/a%zz' }, '/a%zz', true],
    ['a broken escape hides nothing before it', { pathPrefix: '/admin' }, '/%61dmin/%zz', true],
    ['bytes that are no UTF-8 hide nothing before them', { pathPrefix: '/admin' }, '/%61dmin/%ff', true],
    ['plus is no space', { path: '/a b' }, '/a+b', false],
    ['case counts', { path: '/A' }, '/a', false],
    ['dot segments are text', { pathPrefix: '/admin' }, '/a/../admin', false],
    ['encoded dot segments are the same text', { pathPrefix: '/a/../' }, '/a/%2e%2e/admin', true],
    ['double slashes are text', { pathPrefix: '/admin' }, '//admin', false],
  ])('%s', (_, fields, target, matches) => {
    expect(ask(withPaths(fields), request(target))).toBe(matches ? '0/0' : 'NoRoute');
  });
});

describe('order', () => {
  it('the first path in order wins, whatever its kind', () => {
    const kinds: Partial<PathContent>[] = [
      { path: '/ab' },
      { pathPrefix: '/a' },
      { pathRegexp: '^/a' },
      { pathRegexp: 'b' },
      {},
    ];
    for (const first of kinds) {
      for (const second of kinds) {
        if (first === second) continue;
        expect(ask(withPaths(first, second), request('/ab')), JSON.stringify([first, second])).toBe('0/0');
        expect(ask(withPaths({ path: '/other' }, first, second), request('/ab'))).toBe('0/1');
      }
    }
  });

  it('a shorter prefix that comes first wins over a longer one', () => {
    expect(ask(withPaths({ pathPrefix: '/' }, { pathPrefix: '/a/b' }), request('/a/b'))).toBe('0/0');
  });

  it('the first rule wins over a later one with a more exact host', () => {
    const router = owner([
      rule({ hosts: hosts('*.test'), paths: [path({ pathPrefix: '/' })] }),
      rule({ hosts: hosts('a.test'), paths: [path({ path: '/x' })] }),
    ]);
    expect(ask(router, request('/x'))).toBe('0/0');
  });

  it('a rule whose paths do not match is passed over', () => {
    const router = owner([
      rule({ hosts: hosts('a.test'), paths: [path({ path: '/x' })] }),
      rule({ paths: [path({ pathPrefix: '/' })] }),
    ]);
    expect(ask(router, request('/x'))).toBe('0/0');
    expect(ask(router, request('/y'))).toBe('1/0');
    expect(ask(router, request('/x', { authority: 'b.test' }))).toBe('1/0');
  });

  it('a path whose condition fails is passed over, each time anew', () => {
    const router = withPaths({ path: '/x', headers: [{ key: 'X-A', values: ['1'], regexp: '' }] }, { path: '/x' });
    const withHeader = request('/x', { headers: HeaderList.of(['x-a', '1']) });
    // Easegress's route cache remembered the second path and hid the first one afterwards.
    expect([ask(router, request('/x')), ask(router, withHeader), ask(router, request('/x'))]).toEqual([
      '0/1',
      '0/0',
      '0/1',
    ]);
  });
});

describe('hosts of a rule', () => {
  it.each<[string, string[], string, boolean]>([
    ['no hosts: any', [], 'x.test', true],
    ['no hosts: also none', [], '', true],
    ['exact', ['a.test'], 'a.test', true],
    ['exact, other', ['a.test'], 'b.test', false],
    ['any of several', ['b.test', 'a.test'], 'a.test', true],
    ['the port is removed', ['a.test'], 'a.test:8080', true],
    ['case does not count', ['a.test'], 'A.TEST', true],
    ['nor in the object', ['A.Test'], 'a.test', true],
    ['a trailing dot is ignored', ['a.test'], 'a.test.', true],
    ['a trailing dot before a port', ['a.test'], 'a.test.:80', true],
    ['leading asterisk, one label', ['*.a.io'], 'x.a.io', true],
    ['leading asterisk, several labels', ['*.a.io'], 'x.y.a.io', true],
    ['leading asterisk, none', ['*.a.io'], 'a.io', false],
    ['leading asterisk without a dot', ['*a.io'], 'xa.io', true],
    ['trailing asterisk', ['www.a.*'], 'www.a.com', true],
    ['trailing asterisk, several labels', ['www.a.*'], 'www.a.co.uk', true],
    ['trailing asterisk, other', ['www.a.*'], 'www.b.com', false],
    ['trailing asterisk without a dot', ['www*'], 'www2.test', true],
    ['an asterisk alone', ['*'], 'x', true],
    ['an expression is unanchored', ['~b+'], 'abba.test', true],
    ['an expression, anchored', ['~^b'], 'abba.test', false],
    ['an expression and capitals', ['~^A'], 'abba.test', true],
    ['IPv6 with a port', ['[::1]'], '[::1]:80', true],
    ['IPv6 without brackets in the object', ['::1'], '[::1]', true],
    ['an unclosed bracket', [], '[::1', false],
    ['longer than a name can be', ['~.'], 'a'.repeat(300), false],
  ])('%s', (_, stated, authority, matches) => {
    const router = owner([rule({ hosts: hosts(...stated), paths: [path()] })]);
    expect(ask(router, request('/', { authority }))).toBe(matches ? '0/0' : 'NoRoute');
  });
});

describe('methods', () => {
  it.each([
    [[], 'PATCH', '0/0'],
    [['GET', 'POST'], 'POST', '0/0'],
    [['GET', 'POST'], 'PUT', 'MethodNotAllowed'],
    [['GET'], 'get', 'MethodNotAllowed'],
  ])('%j and %s: %s', (methods, method, expected) => {
    expect(ask(withPaths({ methods }), request('/', { method }))).toBe(expected);
  });
});

describe('header and query conditions', () => {
  const one = (values: string[], regexp = '', key = 'K') => ({ key, values, regexp });
  it.each<[string, PathContent['headers'], boolean, string, boolean]>([
    ['value listed', [one(['v', 'w'])], false, 'w', true],
    ['value not listed', [one(['v'])], false, 'w', false],
    ['value matches', [one([], '^v+$')], false, 'vv', true],
    ['one of both is enough', [one(['w'], '^v')], false, 'v1', true],
    ['with match-all both must hold', [one(['w'], '^v')], true, 'v1', false],
    ['with match-all both hold', [one(['v1'], '^v')], true, 'v1', true],
    ['a missing one is empty: listed', [one([''])], false, '', true],
    ['a missing one is empty: matches', [one([], '^$')], false, '', true],
    ['a missing one is not listed', [one(['v'])], false, '', false],
    ['any entry is enough, across keys', [one(['x'], '', 'Other'), one(['v'])], false, 'v', true],
    ['with match-all every entry counts', [one(['x'], '', 'Other'), one(['v'])], true, 'v', false],
    ['UTF-8', [one(['é'])], false, 'é', true],
    ['case of the value counts', [one(['V'])], false, 'v', false],
  ])('%s', (...[, entries, all, value, holds]) => {
    const expected = holds ? '0/0' : 'ConditionFailed';
    const bytes = Buffer.from(value).toString('latin1');
    const headers = value === '' ? new HeaderList() : HeaderList.of(['k', bytes], ['k', 'second']);
    expect(ask(withPaths({ headers: entries, matchAllHeader: all }), request('/', { headers }))).toBe(expected);
    const query = value === '' ? '' : `?K=${encodeURIComponent(value)}&K=second`;
    expect(ask(withPaths({ queries: entries, matchAllQuery: all }), request(`/${query}`))).toBe(expected);
  });

  it.each([
    ['/?a=1&k=v', 'v'],
    ['/?k=v+w', 'v w'],
    ['/?%6b=v', 'v'],
    ['/?k=%zz&k=v', 'v'],
    ['/?k=a;b&k=v', 'v'],
    ['/?kk=x', ''],
    ['/?k', ''],
    ['/?k=', ''],
    ['/?', ''],
    ['/', ''],
    ['/?xk=1&k=v=w', 'v=w'],
    ['/?K=1', ''],
  ])('the parameter k of %j is %j, as Go reads it', (target, value) => {
    const router = withPaths({ queries: [{ key: 'k', values: [value], regexp: '' }] });
    expect(ask(router, request(target))).toBe('0/0');
  });
});

describe('ipFilter', () => {
  const filter = (allowIPs: string[], blockIPs: string[], blockByDefault = false) => ({
    allowIPs,
    blockIPs,
    blockByDefault,
  });
  it.each<[string, ReturnType<typeof filter>, string, boolean]>([
    ['default', filter([], []), me, true],
    ['blocked by default', filter([], [], true), me, false],
    ['no address: default', filter(['10.0.0.0/8'], []), 'unix', true],
    ['no address: blocked by default', filter([], [], true), '', false],
    ['an allow list without it denies', filter(['10.0.0.0/8'], []), me, false],
    ['allowed', filter(['192.0.2.0/24'], [], true), me, true],
    ['blocked', filter([], [me]), me, false],
    ['in both: default', filter([me], [me]), me, true],
    ['in both: blocked by default', filter([me], [me], true), me, false],
    ['IPv6', filter(['2001:db8::/32'], []), '2001:db8::9', true],
    ['a mapped address is the IPv4 one', filter([], ['10.0.0.0/8']), '::ffff:10.1.1.1', false],
  ])('%s', (_, ipFilter, address, admitted) => {
    const expected = admitted ? '0/0' : 'IpDenied';
    const paths = [path()];
    expect(ask(owner([rule({ paths })], { ipFilter }), request('/'), address), 'server').toBe(expected);
    expect(ask(owner([rule({ ipFilter, paths })]), request('/'), address), 'rule').toBe(expected);
    expect(ask(owner([rule({ paths: [path({ ipFilter })] })]), request('/'), address), 'path').toBe(expected);
  });

  const denied = filter([], [me]);
  it.each<[string, RuleContent[], Partial<OwnerContent>, string]>([
    ['the server denies before anything', [rule({ paths: [path()] })], { ipFilter: denied }, 'IpDenied'],
    [
      'a denying rule is passed over',
      [rule({ ipFilter: denied, paths: [path()] }), rule({ paths: [path()] })],
      {},
      '1/0',
    ],
    ['a denying path is passed over', [rule({ paths: [path({ ipFilter: denied }), path()] })], {}, '0/1'],
    ['a denying rule counts without any path', [rule({ ipFilter: denied })], {}, 'IpDenied'],
    [
      'a denying rule of another host does not count',
      [rule({ hosts: hosts('x'), ipFilter: denied, paths: [path()] })],
      {},
      'NoRoute',
    ],
    [
      '403 before 400 and 405',
      [
        rule({
          paths: [
            path({ methods: ['PUT'] }),
            path({ headers: [{ key: 'a', values: ['1'], regexp: '' }] }),
            path({ ipFilter: denied }),
          ],
        }),
      ],
      {},
      'IpDenied',
    ],
    [
      '400 before 405',
      [rule({ paths: [path({ methods: ['PUT'] }), path({ headers: [{ key: 'a', values: ['1'], regexp: '' }] })] })],
      {},
      'ConditionFailed',
    ],
    ['405 before 404', [rule({ paths: [path({ methods: ['PUT'] }), path({ path: '/x' })] })], {}, 'MethodNotAllowed'],
    [
      'the first condition that fails counts, here the method',
      [
        rule({
          paths: [path({ methods: ['PUT'], ipFilter: denied, headers: [{ key: 'a', values: ['1'], regexp: '' }] })],
        }),
      ],
      {},
      'MethodNotAllowed',
    ],
    ['404', [rule({ paths: [path({ path: '/x' })] })], {}, 'NoRoute'],
    ['no rules', [], {}, 'NoRoute'],
  ])('%s', (_, rules, fields, expected) => {
    expect(ask(owner(rules, fields), request('/'))).toBe(expected);
  });
});

describe('what a match says', () => {
  it('a path without a pipeline answers 503 and lets nothing fall through', () => {
    const router = withPaths({ path: '/x', pipeline: null }, { pathPrefix: '/' });
    expect(ask(router, request('/x'))).toBe('RouteUnavailable');
    expect(match.path?.index).toBe(0);
    expect(ask(router, request('/y'))).toBe('0/1');
  });

  it('a slot without an instance answers 503 until it has one', () => {
    const slot: { name: string; current: string | null } = { name: 'p', current: null };
    const router = compileOwner('o', ownerContent(), [compileRule('r', rule({ paths: [path()] }), () => slot)]);
    expect(router.route(request('/'), me, match)).toBe('RouteUnavailable');
    slot.current = 'built';
    expect(router.route(request('/'), me, match)).toBeNull();
    expect(match.slot).toBe(slot);
  });

  it("the limit of the body is the path's, else the owner's", () => {
    const router = owner([rule({ paths: [path({ path: '/a', clientMaxBodySize: -1 }), path()] })], {
      clientMaxBodySize: 7,
    });
    router.route(request('/a'), me, match);
    expect(match.clientMaxBodySize).toBe(-1);
    router.route(request('/b'), me, match);
    expect(match.clientMaxBodySize).toBe(7);
  });

  it('nothing of the look-up before is left', () => {
    const router = withPaths({ path: '/a' });
    router.route(request('/a'), me, match);
    expect(router.route(request('/b'), me, match)).toBe('NoRoute');
    expect([match.owner, match.rule, match.path, match.slot, match.captures]).toEqual([router, null, null, null, null]);
  });
});

describe('replaceRule', () => {
  it('changes nothing before the commit', () => {
    const router = owner([rule({ paths: [path({ path: '/a' })] })]);
    const commit = router.replaceRule(0, compiled(rule({ hosts: hosts('a.test'), paths: [path({ path: '/b' })] })));
    expect([ask(router, request('/a')), ask(router, request('/b'))]).toEqual(['0/0', 'NoRoute']);
    commit();
    expect([ask(router, request('/a')), ask(router, request('/b'))]).toEqual(['NoRoute', '0/0']);
    expect(ask(router, request('/b', { authority: 'b.test' }))).toBe('NoRoute');
  });

  it('refuses a place that does not exist', () => {
    expect(() => owner([]).replaceRule(0, compiled(rule()))).toThrow(RangeError);
  });
});
