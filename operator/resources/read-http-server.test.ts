import { describe, expect, it } from 'vitest';
import type { HttpServerSpec } from './http-server.ts';
import { readHttpServer } from './read-http-server.ts';

function read(spec: Record<string, unknown>): HttpServerSpec {
  const { value } = readHttpServer(spec);
  if (value === null) throw new Error('no value');
  return value;
}

/** Every place as `rule/path host+… text → backend or 503`. */
function table(spec: Record<string, unknown>): string[] {
  return read(spec).rules.flatMap((rule) => {
    const hosts = [rule.host, rule.hostRegexp, ...rule.hosts.map((host) => host.value)].filter((host) => host !== '');
    return rule.paths.map((path) => {
      const texts = [path.path, path.pathPrefix, path.pathRegexp].filter((text) => text !== '');
      return `${rule.index}/${path.index} ${hosts.join('+') || 'any'} ${texts.join('|') || 'every'} → ${path.refused ? '503' : path.backend}`;
    });
  });
}

const good = { pathPrefix: '/good', backend: 'g' };

describe('an HTTPServer with errors keeps its places and answers 503 there:', () => {
  it('a wrong condition refuses its path alone, and the path then takes every request of its text', () => {
    const bad = { path: '/bad', methods: ['GTE'], backend: 'b' };
    expect(table({ port: 80, rules: [{ host: 'a', paths: [bad, good] }] })).toEqual([
      '0/0 a /bad → 503',
      '0/1 a /good → g',
    ]);
  });

  it('an unreadable path text takes every path of its rule, because what it was meant for could fall through', () => {
    const bad = { path: '/x', pathRegexp: '(', backend: 'b' };
    expect(
      table({ port: 80, rules: [{ host: 'a', paths: [good, bad, { pathPrefix: '/', backend: 'open' }] }] }),
    ).toEqual(['0/0 a /good → g', '0/1 a every → 503', '0/2 a / → open']);
  });

  it('a path that is no mapping does the same', () => {
    expect(table({ port: 80, rules: [{ paths: ['/x', good] }] })).toEqual(['0/0 any every → 503', '0/1 any /good → g']);
  });

  it('paths that are no list, or too many, refuse their rule for every path', () => {
    expect(
      table({
        port: 80,
        rules: [
          { host: 'a', paths: '/x' },
          { host: 'b', paths: [good] },
        ],
      }),
    ).toEqual(['0/0 a every → 503', '1/0 b /good → g']);
    const many = table({ port: 80, rules: [{ paths: Array.from({ length: 300 }, () => good) }] });
    expect(many).toHaveLength(256);
    expect(many.at(-1)).toBe('0/255 any every → 503');
    expect(many.every((place) => place.endsWith('503'))).toBe(true);
  });

  it('a wrong field of a rule refuses the rule, not its siblings', () => {
    const spec = {
      port: 80,
      rules: [
        { host: 'a', ipFilter: { allowIPs: ['x'] }, paths: [good] },
        { host: 'b', paths: [good] },
      ],
    };
    expect(table(spec)).toEqual(['0/0 a /good → 503', '1/0 b /good → g']);
  });

  it('a slip in a protecting field refuses the place that it stands in', () => {
    const slip = { ipFliter: { blockByDefault: true } };
    expect(
      table({
        port: 80,
        rules: [
          {
            paths: [
              { ...good, ...slip },
              { path: '/b', backend: 'b' },
            ],
          },
        ],
      }),
    ).toEqual(['0/0 any /good → 503', '0/1 any /b → b']);
    expect(
      table({
        port: 80,
        rules: [
          { host: 'a', ...slip, paths: [good] },
          { host: 'b', paths: [good] },
        ],
      }),
    ).toEqual(['0/0 a /good → 503', '1/0 b /good → g']);
    expect(table({ port: 80, ...slip, rules: [{ paths: [good] }] })).toEqual(['0/0 any /good → 503']);
  });

  it('a host that cannot be read is left out and all later rules are refused', () => {
    const spec = {
      port: 80,
      rules: [
        { host: 'a', paths: [good] },
        { hostRegexp: '(', paths: [good] },
        { paths: [{ pathPrefix: '/', backend: 'open' }] },
      ],
    };
    expect(table(spec)).toEqual(['0/0 a /good → g', '2/0 any / → 503']);
  });

  it('of several hosts those that can be read stay', () => {
    const hosts = [{ value: 'a' }, { isRegexp: true, value: '(' }, { value: 5 }];
    expect(
      table({
        port: 80,
        rules: [
          { hosts, paths: [good] },
          { host: 'b', paths: [good] },
        ],
      }),
    ).toEqual(['0/0 a /good → g', '1/0 b /good → 503']);
  });

  it('hosts that are no list leave the host that stands beside them', () => {
    expect(table({ port: 80, rules: [{ host: 'a', hosts: 'b', paths: [good] }] })).toEqual(['0/0 a /good → g']);
  });

  it('a rule that is no mapping counts as one whose host cannot be read', () => {
    expect(table({ port: 80, rules: ['a', { paths: [good] }] })).toEqual(['1/0 any /good → 503']);
  });

  it('a wrong field of the server refuses every path', () => {
    const spec = { port: 80, keepAliveTimeout: 'soon', rules: [{ paths: [good] }] };
    expect(table(spec)).toEqual(['0/0 any /good → 503']);
    expect(read(spec)).toMatchObject({ refused: true, keepAliveTimeout: '60s' });
  });

  it('a protection that is not active refuses every path', () => {
    expect(table({ port: 80, https: true, rules: [{ paths: [good] }] })).toEqual(['0/0 any /good → 503']);
  });

  it('too many rules keep the first 512, refused', () => {
    const rules = Array.from({ length: 600 }, (_, n) => ({ host: `h${n}`, paths: [good] }));
    const places = table({ port: 80, rules });
    expect(places).toHaveLength(512);
    expect(places[511]).toBe('511/0 h511 /good → 503');
  });

  it('two errors in one rule are both heeded', () => {
    const spec = {
      port: 80,
      rules: [{ host: 5, paths: [{ path: 5, backend: 'a' }] }, { paths: [{ pathRegexp: '(' }] }],
    };
    expect(table(spec)).toEqual(['1/0 any every → 503']);
  });

  it('a path without backend is refused', () => {
    expect(table({ port: 80, rules: [{ paths: [{ path: '/a' }] }] })).toEqual(['0/0 any /a → 503']);
  });

  it('warnings refuse nothing', () => {
    expect(table({ port: 80, tracing: {}, colour: 1, rules: [{ paths: [{ ...good, colour: 1 }] }] })).toEqual([
      '0/0 any /good → g',
    ]);
  });

  it('without a port there is no place at all', () => {
    expect(readHttpServer({ port: 'x', rules: [{ paths: [good] }] }).value).toBeNull();
  });
});
