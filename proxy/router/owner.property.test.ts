// The compiled router against the plainest reading of the reference: loops over rules and paths, no index.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IpFilterContent, OwnerContent, PathContent, RuleContent } from '#proxy/contract/units.ts';
import type { ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { compiled, hosts, owner, ownerContent, path, request, rule } from '#test/support/routes.ts';
import { compileOwner } from './owner.ts';
import { RouteMatch } from './route-match.ts';

interface Answer {
  code: ProxyErrorCode | null;
  place: string;
  captures: Record<string, string>;
}

// ── the obvious implementation ──

function obvious(content: OwnerContent, rules: readonly RuleContent[], head: RequestHead, ip: string): Answer {
  const none = (code: ProxyErrorCode): Answer => ({ code, place: '', captures: {} });
  if (!admits(content.ipFilter, ip)) return none('IpDenied');
  let [denied, failed, refused] = [false, false, false];
  const host = head.authority.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  const text = decodeURIComponent(head.target.split('?')[0] as string);
  for (const [r, each] of rules.entries()) {
    if (each.hosts.length > 0 && !each.hosts.some((pattern) => hostMatches(pattern, host))) continue;
    if (!admits(each.ipFilter, ip)) {
      denied = true;
      continue;
    }
    for (const { p, captures } of candidates(content, each, text)) {
      const entry = each.paths[p] as PathContent;
      if (entry.methods.length > 0 && !entry.methods.includes(head.method)) refused = true;
      else if (!holds(entry.headers, entry.matchAllHeader, (key) => head.headers.get(key.toLowerCase()))) failed = true;
      else if (!holds(entry.queries, entry.matchAllQuery, (key) => queryOf(head.target, key))) failed = true;
      else if (!admits(entry.ipFilter, ip)) denied = true;
      else return { code: entry.pipeline === null ? 'RouteUnavailable' : null, place: `${r}/${p}`, captures };
    }
  }
  if (denied) return none('IpDenied');
  if (failed) return none('ConditionFailed');
  return none(refused ? 'MethodNotAllowed' : 'NoRoute');
}

/** Paths of the rule whose text matches, in the order in which they are tried. */
function candidates(
  content: OwnerContent,
  each: RuleContent,
  text: string,
): { p: number; captures: Answer['captures'] }[] {
  if (content.semantics === 'ordered') {
    return [...each.paths.keys()]
      .filter((p) => textMatches(each.paths[p] as PathContent, text))
      .map((p) => ({ p, captures: {} }));
  }
  const found = each.paths.flatMap((entry, p) => {
    const captures = entry.path === '' ? null : patternCaptures(entry.path, text);
    return captures === null ? [] : [{ p, captures, rank: patternRank(entry.path) }];
  });
  // The first difference between two patterns that match the same text is one of kind: static, expression, parameter,
  // wildcard. Equal patterns stay in order, and so do different expressions at one place.
  return found.toSorted((a, b) => compareRanks(a.rank, b.rank) || a.p - b.p);
}

function textMatches(entry: PathContent, text: string): boolean {
  if (entry.path === '' && entry.pathPrefix === '' && entry.pathRegexp === '') return true;
  if (entry.path !== '' && entry.path === text) return true;
  if (entry.pathPrefix !== '' && text.startsWith(entry.pathPrefix)) return true;
  return entry.pathRegexp !== '' && new RegExp(entry.pathRegexp).test(text);
}

/** Patterns of the test have whole segments only, so they can be read segment by segment. */
function patternCaptures(pattern: string, text: string): Answer['captures'] | null {
  const captures: Answer['captures'] = {};
  const wanted = pattern.split('/');
  const given = text.split('/');
  for (const [i, segment] of wanted.entries()) {
    if (segment === '*') {
      if (i >= given.length) return null;
      captures['EG_WILDCARD'] = given.slice(i).join('/');
      return captures;
    }
    const value = given[i];
    if (value === undefined) return null;
    if (!segment.startsWith('{')) {
      if (segment !== value) return null;
      continue;
    }
    const [name, source] = segment.slice(1, -1).split(':') as [string, string | undefined];
    // Nothing of the path is left when the last segment is empty, so no capture begins there; an empty one in the
    // middle is captured by a parameter, never by an expression.
    if (value === '' && (i === given.length - 1 || source !== undefined)) return null;
    if (source !== undefined && !new RegExp(`^(?:${source})$`).test(value)) return null;
    captures[name] = value;
  }
  return wanted.length === given.length ? captures : null;
}

function patternRank(pattern: string): number[] {
  return pattern.split('/').map((segment) => {
    if (segment === '*') return 3;
    if (!segment.startsWith('{')) return 0;
    return segment.includes(':') ? 1 : 2;
  });
}

function compareRanks(a: number[], b: number[]): number {
  const whole = Number(a.some((kind) => kind > 0)) - Number(b.some((kind) => kind > 0));
  if (whole !== 0) return whole; // static paths of a rule come before its tree
  for (const [i, kind] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 0;
    if (kind !== other) return kind - other;
  }
  return 0;
}

function hostMatches(pattern: RuleContent['hosts'][number], host: string): boolean {
  if (pattern.kind === 'exact') return pattern.value.toLowerCase() === host;
  if (pattern.kind === 'suffix') return host.endsWith(pattern.value);
  if (pattern.kind === 'prefix') return host.startsWith(pattern.value);
  return new RegExp(pattern.value, 'i').test(host);
}

function admits(filter: IpFilterContent | null, ip: string): boolean {
  if (filter === null) return true;
  const allowed = filter.allowIPs.some((entry) => within(entry, ip));
  const blocked = filter.blockIPs.some((entry) => within(entry, ip));
  if (filter.allowIPs.length > 0 && !allowed) return false;
  if (allowed !== blocked) return allowed;
  return !filter.blockByDefault;
}

/** Entries of the test are addresses or /8. */
function within(entry: string, ip: string): boolean {
  return entry.endsWith('/8') ? entry.split('.')[0] === ip.split('.')[0] : entry === ip;
}

function holds(conditions: PathContent['headers'], all: boolean, read: (key: string) => string | undefined): boolean {
  if (conditions.length === 0) return true;
  const each = conditions.map(({ key, values, regexp }) => {
    const value = read(key) ?? '';
    const listed = values.includes(value);
    const matched = regexp !== '' && new RegExp(regexp).test(value);
    return all ? (values.length === 0 || listed) && (regexp === '' || matched) : listed || matched;
  });
  return all ? each.every(Boolean) : each.some(Boolean);
}

function queryOf(target: string, key: string): string | undefined {
  return new URLSearchParams(target.split('?')[1] ?? '').get(key) ?? undefined;
}

// ── what is generated: few words, so that rules meet each other ──

const word = fc.constantFrom('a', 'b', 'ab', 'aa');
const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '11.0.0.1');
const ipFilter = fc.option(
  fc.record({
    blockByDefault: fc.boolean(),
    allowIPs: fc.array(fc.constantFrom('10.0.0.1', '10.0.0.0/8', '11.0.0.1'), { maxLength: 2 }),
    blockIPs: fc.array(fc.constantFrom('10.0.0.2', '11.0.0.0/8'), { maxLength: 2 }),
  }),
  { freq: 5 },
);
const condition = fc.record({
  key: fc.constantFrom('k', 'X-Long'),
  values: fc.array(fc.constantFrom('', 'v', 'w'), { maxLength: 2 }),
  regexp: fc.constantFrom('', '^v', 'w|v$', 'x'),
});
const conditions = fc.oneof(
  { weight: 4, arbitrary: fc.constant<PathContent['headers']>([]) },
  { weight: 1, arbitrary: fc.array(condition, { maxLength: 2 }) },
);
const segments = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `/${words.join('/')}`);
const hostName = fc.constantFrom('a.io', 'b.a.io', 'www.a.com', 'c.b.a.io', 'a.com');
const hostPattern = fc.constantFrom(
  'a.io',
  'A.com',
  'b.a.io',
  '*.a.io',
  '*.io',
  'www.a.*',
  'www.*',
  '*a.io',
  '~^b',
  '~io$',
  '~A',
);
const some = <V>(weight: number, arbitrary: fc.Arbitrary<V>, otherwise: V) =>
  fc.oneof({ weight, arbitrary }, { weight: 10 - weight, arbitrary: fc.constant(otherwise) });

const limits = {
  ipFilter,
  methods: some(3, fc.array(fc.constantFrom('GET', 'POST'), { maxLength: 2 }), []),
  headers: conditions,
  matchAllHeader: fc.boolean(),
  queries: conditions,
  matchAllQuery: fc.boolean(),
  pipeline: some(9, fc.constant('p'), null as string | null),
};
const orderedPath = fc
  .record({
    ...limits,
    path: some(4, segments, ''),
    pathPrefix: some(4, fc.oneof(segments, fc.constant('/')), ''),
    pathRegexp: some(3, fc.constantFrom('^/a', '^/a+/b$', 'b', '^/(a|b)/a', 'a$', '^/ab?', '^/aa{1}', '/b/'), ''),
  })
  .map(path);
const patternSegment = fc.oneof(
  { weight: 4, arbitrary: word },
  { weight: 2, arbitrary: fc.constantFrom('{x}', '{y}', '{z}') },
  { weight: 1, arbitrary: fc.constant('{x:a+}') },
);
const pattern = fc
  .tuple(fc.array(patternSegment, { minLength: 1, maxLength: 3 }), fc.boolean())
  .filter(
    ([list]) =>
      new Set(list.filter((s) => s.startsWith('{')).map((s) => s[1])).size ===
      list.filter((s) => s.startsWith('{')).length,
  )
  .map(([list, wild]) => `/${[...list, ...(wild ? ['*'] : [])].join('/')}`);
const radixPath = fc.record({ ...limits, path: some(9, pattern, '') }).map(path);

const ruleOf = (paths: fc.Arbitrary<PathContent>) =>
  fc
    .record({
      ipFilter,
      hosts: some(6, fc.array(hostPattern, { maxLength: 2 }), []),
      paths: fc.array(paths, { maxLength: 5 }),
    })
    .map((fields) => rule({ ...fields, hosts: hosts(...fields.hosts) }));

const requests = fc.array(
  fc
    .record({
      method: fc.constantFrom('GET', 'POST', 'PUT'),
      authority: fc.tuple(hostName, fc.constantFrom('', ':80', '.')).map(([name, end]) => name + end),
      segments: fc.oneof(segments, fc.constantFrom('/', '//a', '/a/', '/a//b', '/%61', '/a/%62', '/ab/a/')),
      query: fc.constantFrom('', '?k=v', '?k=w&X-Long=v', '?X-Long=', '?k=vv&k=w'),
      header: fc.constantFrom('', 'v', 'w', 'vx'),
      ip,
    })
    .map(({ segments: text, query, header, ip: address, ...fields }) => ({
      ip: address,
      head: request(text + query, {
        ...fields,
        headers: header === '' ? new HeaderList() : HeaderList.of(['K', header]),
      }),
    })),
  { minLength: 1, maxLength: 12 },
);

describe.each([
  ['ordered', orderedPath],
  ['radix', radixPath],
] as const)('a compiled owner with %s semantics', (semantics, paths) => {
  it('answers as the plain loops over rules and paths do, also after rules were replaced', () => {
    const aRule = ruleOf(paths);
    const property = fc.property(
      fc.array(aRule, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), aRule), { maxLength: 6 }),
      requests,
      ipFilter,
      (rules, replacements, all, filter) => {
        const content = ownerContent({ semantics, ipFilter: filter });
        const current = [...rules];
        const router = compileOwner('owner', content, rules.map(compiled));
        const match = new RouteMatch<string>();
        const compare = (): void => {
          for (const { head, ip: address } of all) {
            const code = router.route(head, address, match);
            const got: Answer = {
              code,
              place: match.rule === null ? '' : `${match.rule.name.split('/').at(-1)}/${match.path?.index}`,
              captures: Object.fromEntries(
                (match.captures?.names ?? []).map((name) => [name, match.captures?.get(name) ?? '']),
              ),
            };
            expect(got, JSON.stringify(head)).toEqual(obvious(content, current, head, address));
          }
        };
        compare();
        if (rules.length === 0) return;
        for (const [at, replacement] of replacements) {
          const index = at % rules.length;
          const commit = router.replaceRule(index, compiled(replacement, index));
          compare(); // nothing changes before the commit
          commit();
          current[index] = replacement;
          compare();
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

describe('many equal paths', () => {
  it('are tried in order, whatever order they were put in', () => {
    const places = Array.from({ length: 40 }, (_, i) => i);
    const rules = places.map((i) =>
      rule({
        paths: [path({ pathPrefix: '/', headers: [{ key: 'n', values: [String(i), String(i + 1)], regexp: '' }] })],
      }),
    );
    const router = owner(rules);
    for (const i of places.toReversed()) router.replaceRule(i, compiled(rules[i] as RuleContent, i))();
    const match = new RouteMatch<string>();
    for (const i of places.slice(1)) {
      router.route(request('/', { headers: HeaderList.of(['n', String(i)]) }), '', match);
      expect(match.rule?.name).toBe(`rule/default/web/${i - 1}`);
    }
  });
});
