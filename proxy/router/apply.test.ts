import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PathContent } from '#proxy/contract/units.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { decodedPathOf } from '#proxy/primitives/decoded-path.ts';
import { owner, path, request, rule } from '#test/support/routes.ts';
import { applyRoute } from './apply.ts';
import { RouteMatch } from './route-match.ts';

/** The request as it goes on, after one path has taken it. */
function applied(
  fields: Partial<PathContent>,
  head: RequestHead,
  options: { radix?: boolean; realIp?: string; version?: string } = {},
): RequestHead {
  const router = owner([rule({ paths: [path(fields)] })], { semantics: options.radix === true ? 'radix' : 'ordered' });
  const match = new RouteMatch<string>();
  expect(router.route(head, '', match)).toBeNull();
  applyRoute(match, head, options.realIp ?? '192.0.2.1', options.version);
  return head;
}

describe('rewriteTarget', () => {
  it.each<[string, Partial<PathContent>, string, string]>([
    ['exact: the whole path', { path: '/a', rewriteTarget: '/b/c' }, '/a?x=1', '/b/c?x=1'],
    ['prefix: the prefix', { pathPrefix: '/abc', rewriteTarget: '/x' }, '/abc/1?q', '/x/1?q'],
    ['prefix: as text, as Easegress', { pathPrefix: '/abc', rewriteTarget: '/' }, '/abc/1', '//1'],
    ['prefix: in the middle of a word', { pathPrefix: '/ab', rewriteTarget: '/x' }, '/abc', '/xc'],
    [
      'expression: groups',
      { pathRegexp: '^/(\\w+)/(?P<id>\\d+)', rewriteTarget: '/${id}/$1' },
      '/user/7/x',
      '/7/user/x',
    ],
    ['expression: every match', { pathRegexp: 'a', rewriteTarget: 'b' }, '/banana', '/bbnbnb'],
    ['of several fields: exact first', { path: '/a', pathPrefix: '/', rewriteTarget: '/x' }, '/a', '/x'],
    [
      'of several fields: prefix next',
      { path: '/z', pathPrefix: '/a', pathRegexp: '.*', rewriteTarget: '/x' },
      '/ab',
      '/xb',
    ],
    [
      'of several fields: expression last',
      { path: '/z', pathPrefix: '/y', pathRegexp: 'a+', rewriteTarget: 'x' },
      '/aab',
      '/xb',
    ],
    ['none', { pathPrefix: '/a' }, '/a/%2e%2E/b%2Fc?%zz', '/a/%2e%2E/b%2Fc?%zz'],
    [
      'prefix: the rest keeps its bytes',
      { pathPrefix: '/a', rewriteTarget: '/x' },
      '/a/%2e%2E/b%2Fc',
      '/x/%2e%2E/b%2Fc',
    ],
    ['prefix: an encoded prefix', { pathPrefix: '/é/', rewriteTarget: '/x/' }, '/%c3%A9%2F%c3%a9', '/x/%c3%a9'],
    ['prefix: a broken escape behind it', { pathPrefix: '/a', rewriteTarget: '/x' }, '/%61%zz', '/x%zz'],
    ['exact: the target is escaped', { path: '/a', rewriteTarget: '/b c?d#é' }, '/a', '/b%20c%3Fd%23%C3%A9'],
    ['exact: no new line gets in', { path: '/a', rewriteTarget: '/b\r\nX: y' }, '/a', '/b%0D%0AX:%20y'],
    ['expression: nor from the request', { pathRegexp: '^/a/(.*)', rewriteTarget: '/$1' }, '/a/x%0d%20y', '/x%0D%20y'],
    [
      'expression: bytes that are no UTF-8 survive',
      { pathRegexp: '^/a', rewriteTarget: '/b' },
      '/a/%ff%C3%A9%c3',
      '/b/%FF%C3%A9%C3',
    ],
    ['expression: a broken escape means itself', { pathRegexp: '^/a', rewriteTarget: '/b' }, '/a%zz', '/b%25zz'],
    [
      'a target that begins with no slash gets one',
      { pathRegexp: '^/(.*)', rewriteTarget: '$1' },
      '/@evil.test/',
      '/@evil.test/',
    ],
    ['the asterisk of OPTIONS stays', {}, '*', '*'],
  ])('%s', (_, fields, target, expected) => {
    expect(applied(fields, request(target)).target).toBe(expected);
  });

  it.each([
    ['/u/{id}', '/user/{id}', '/u/7?x', '/user/7?x'],
    ['/u/{id}/*', '/{EG_WILDCARD}/of/{id}', '/u/7/a/b', '/a/b/of/7'],
    ['/u/*', '/fixed', '/u/7', '/fixed'],
    ['/u/list', '/all', '/u/list', '/all'],
    ['/u/{id}', '/x/{id}', '/u/a%20b%3f', '/x/a%20b%3F'],
    ['/u/{id}', '', '/u/a%20b', '/u/a%20b'],
  ])('as a pattern %s to %s: %s becomes %s', (pattern, rewriteTarget, target, expected) => {
    expect(applied({ path: pattern, rewriteTarget }, request(target), { radix: true }).target).toBe(expected);
  });

  it('never lets anything but a clean path get into the request line, and keeps what was decided on', () => {
    const piece = fc.constantFrom(
      '/',
      'a',
      '%41',
      '%2e',
      '%0d%0a',
      '%00',
      '%20',
      '%ff',
      '%c3%a9',
      '%zz',
      '%',
      ';',
      '\u00ff',
      '%25',
      '..',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('prefix', 'regexp'), (pieces, kind) => {
        const target = `/p${pieces.join('')}`;
        const fields = kind === 'prefix' ? { pathPrefix: '/p' } : { pathRegexp: '^/p' };
        const result = applied({ ...fields, rewriteTarget: '/q' }, request(target)).target;
        expect(decodedPathOf(result)).toBe(`/q${decodedPathOf(target).slice(2)}`);
        if (kind === 'regexp') expect(result).toMatch(/^\/[\w!$&'()*+,./:;=@~%-]*$/);
      }),
    );
  });
});

describe('setHeaders', () => {
  const head = () =>
    request('/te%20st/7?foo=bar&baz=a%20b%0d', {
      method: 'POST',
      authority: 'Example.com:8080',
      scheme: 'https',
      headers: HeaderList.of(
        ['Content-Type', 'application/json'],
        ['Content-Length', '9'],
        ['User-Agent', 'agent'],
        ['X-Forwarded-For', '10.0.0.1'],
        ['X-Forwarded-For', '172.16.0.1'],
        ['Cookie', 'a=1; session_id=abc123; quoted="q q"'],
        ['Authorization', `Basic ${Buffer.from('ann:secret').toString('base64')}`],
      ),
    });

  it.each([
    ['plain text', 'plain text'],
    ['$host', 'example.com'],
    ['$hostname $server_name', 'example.com example.com'],
    ['$http_host', 'Example.com:8080'],
    ['${host}-backend', 'example.com-backend'],
    ['$scheme://$host$uri', 'https://example.com/te%20st/7'],
    ['$request_method', 'POST'],
    ['$request_uri', '/te%20st/7?foo=bar&baz=a%20b%0d'],
    ['$query_string', 'foo=bar&baz=a%20b%0d'],
    ['$args', 'foo=bar&baz=a%20b%0d'],
    ['$server_protocol', 'HTTP/1.1'],
    ['$request', 'POST /te%20st/7?foo=bar&baz=a%20b%0d HTTP/1.1'],
    ['$remote_addr', '192.0.2.1'],
    ['$remote_user', 'ann'],
    ['$proxy_add_x_forwarded_for', '10.0.0.1, 172.16.0.1, 192.0.2.1'],
    ['$content_type $content_length $request_length', 'application/json 9 9'],
    ['$request_time', '0.000'],
    ['$http_user_agent', 'agent'],
    ['$http_missing', ''],
    ['${http_missing:none}', 'none'],
    ['${http_missing:http://x.y}', 'http://x.y'],
    ['${host:localhost}', 'example.com'],
    ['${http_missing:}', ''],
    ['$arg_foo', 'bar'],
    ['$arg_baz|', 'a b |'],
    ['$arg_nope', ''],
    ['$cookie_session_id', 'abc123'],
    ['$cookie_quoted', 'q q'],
    ['$cookie_nope', ''],
    ['$invalid_var', ''],
    ['price is $100', 'price is $100'],
    ['$', '$'],
    ['${incomplete', '${incomplete'],
    ['${a b}', '${a b}'],
    ['$$host', '$example.com'],
    ['a\r\nb', 'a  b'],
    ['é', Buffer.from('é').toString('latin1')],
  ])('%j is %j', (template, expected) => {
    expect(applied({ setHeaders: { 'X-A': template } }, head()).headers.getAll('x-a')).toEqual([expected]);
  });

  it.each([
    ['$time_iso8601', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/],
    ['$time_local', /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$/],
    ['$msec', /^\d{13}$/],
  ])('%s is a time', (template, shape) => {
    expect(applied({ setHeaders: { 'X-A': template } }, head()).headers.get('x-a')).toMatch(shape);
  });

  it('knows what a pattern captured, decoded, without letting a new line in', () => {
    const fields = { path: '/u/{id}/*', setHeaders: { 'X-Id': '$id', 'X-Rest': '${EG_WILDCARD}', 'X-No': '$nope' } };
    const { headers } = applied(fields, request('/u/a%20b/c%0d%0ad'), { radix: true });
    expect([headers.get('x-id'), headers.get('x-rest'), headers.get('x-no')]).toEqual(['a b', 'c  d', '']);
  });

  it('replaces all fields of a name, deletes by the empty text, and sets an empty value by an empty variable', () => {
    const setHeaders = { 'X-Forwarded-For': 'one', 'User-Agent': '', 'X-Empty': '$nope' };
    const { headers } = applied({ setHeaders }, head());
    expect(headers.getAll('x-forwarded-for')).toEqual(['one']);
    expect(headers.has('user-agent')).toBe(false);
    expect(headers.get('x-empty')).toBe('');
  });

  it('takes values before any is set and before the path is rewritten', () => {
    const setHeaders = { 'Content-Type': '$http_user_agent', 'User-Agent': '$content_type', 'X-Uri': '$uri' };
    const { headers, target } = applied({ path: '/te st/7', rewriteTarget: '/new', setHeaders }, head());
    expect([headers.get('content-type'), headers.get('user-agent')]).toEqual(['agent', 'application/json']);
    expect([headers.get('x-uri'), target]).toEqual(['/te%20st/7', '/new?foo=bar&baz=a%20b%0d']);
  });

  it('sets the authority together with Host', () => {
    const result = applied({ setHeaders: { Host: 'inner.test' } }, head());
    expect([result.authority, result.headers.get('host')]).toEqual(['inner.test', 'inner.test']);
  });

  it('tells the version of the client', () => {
    const fields = { setHeaders: { 'X-A': '$server_protocol' } };
    expect(applied(fields, head(), { version: '2' }).headers.get('x-a')).toBe('HTTP/2.0');
    expect(applied(fields, head(), { version: '1.0' }).headers.get('x-a')).toBe('HTTP/1.0');
  });
});
