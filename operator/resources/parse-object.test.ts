import { describe, expect, it } from 'vitest';
import { diagnosticCodes } from '#proxy/contract/diagnostics.ts';
import { resourceKinds } from './index.ts';
import type { RawObject } from './object.ts';
import { parseObject } from './parse-object.ts';

function raw(kind: string, spec: Record<string, unknown>): RawObject {
  const head = { namespace: 'default', name: 'x', createdAt: '', generation: 0, labels: {}, annotations: {} };
  return { kind, ...head, spec, location: 'x.yaml:1', imported: false };
}

/** `code path | message` of every finding. */
function findings(kind: string, spec: Record<string, unknown>): string[] {
  return parseObject(raw(kind, spec)).diagnostics.map(({ code, path, message }) => `${code} ${path} | ${message}`);
}

type Case = [title: string, spec: Record<string, unknown>, code: string, path: string, ...parts: string[]];

function refusedOrWarned(kind: string, cases: readonly Case[]): void {
  it.each(cases)('%s', (_title, spec, code, path, ...parts) => {
    const found = findings(kind, spec);
    const one = found.find((line) => line.startsWith(`${code} ${path} | `));
    expect(one, found.join('\n')).toBeDefined();
    for (const part of parts) expect(one).toContain(part);
  });
}

const rule = (path: Record<string, unknown>) => ({ port: 80, rules: [{ paths: [{ backend: 'p', ...path }] }] });
const inRule = (fields: Record<string, unknown>) => ({ port: 80, rules: [{ paths: [], ...fields }] });
const here = 'spec.rules[0].paths[0]';

describe('HTTPServer says what is wrong:', () => {
  refusedOrWarned('HTTPServer', [
    ['a port that is missing', {}, 'InvalidField', 'spec.port', '`port` is missing', 'from 0 to 65535'],
    ['a port as text', { port: '80' }, 'InvalidField', 'spec.port', 'is "80"', 'a whole number'],
    ['a port beyond the last', { port: 65_536 }, 'InvalidField', 'spec.port', '65536', 'to 65535'],
    ['a port with a fraction', { port: 80.5 }, 'InvalidField', 'spec.port', '80.5', 'a whole number'],
    ['no connections at all', { port: 1, maxConnections: 0 }, 'InvalidField', 'spec.maxConnections', 'is 0', 'from 1'],
    [
      'a time-out without unit',
      { port: 1, keepAliveTimeout: '60' },
      'InvalidField',
      'spec.keepAliveTimeout',
      '"60"',
      '`30s`',
    ],
    [
      'a time-out as number',
      { port: 1, keepAliveTimeout: 60 },
      'InvalidField',
      'spec.keepAliveTimeout',
      'is 60',
      '`30s`',
    ],
    ['a flag as text', { port: 1, keepAlive: 'yes' }, 'InvalidField', 'spec.keepAlive', '"yes"', '`true` or `false`'],
    [
      'a router that does not exist',
      { port: 1, routerKind: 'Radix' },
      'InvalidField',
      'spec.routerKind',
      '"Radix"',
      '`RadixTree`',
    ],
    ['rules that are no list', { port: 1, rules: { a: 1 } }, 'InvalidField', 'spec.rules', 'is a mapping', 'a list'],
    [
      'too many rules',
      { port: 1, rules: Array.from({ length: 513 }, () => ({})) },
      'InvalidField',
      'spec.rules',
      '513',
      'at most 512',
    ],
    [
      'too many paths',
      inRule({ paths: Array.from({ length: 257 }, () => ({ backend: 'p' })) }),
      'InvalidField',
      'spec.rules[0].paths',
      '257',
      'at most 256',
    ],
    [
      'a host with a wildcard inside',
      inRule({ host: 'a.*.io' }),
      'InvalidField',
      'spec.rules[0].host',
      '"a.*.io"',
      'at most one `*`',
    ],
    [
      'a host of two wildcards',
      inRule({ hosts: [{ value: '*.a.*' }] }),
      'InvalidField',
      'spec.rules[0].hosts[0].value',
      '"*.a.*"',
    ],
    [
      'a host expression that does not compile',
      inRule({ hostRegexp: 'a(' }),
      'InvalidField',
      'spec.rules[0].hostRegexp',
      '"a("',
      'RE2',
    ],
    [
      'a host expression in the list',
      inRule({ hosts: [{ isRegexp: true, value: '(?=a)' }] }),
      'InvalidField',
      'spec.rules[0].hosts[0].value',
      'RE2',
    ],
    ['a path without a slash', rule({ path: 'a' }), 'InvalidField', `${here}.path`, '"a"', 'begins with `/`'],
    [
      'a path expression with look-behind',
      rule({ pathRegexp: '(?<=a)b' }),
      'InvalidField',
      `${here}.pathRegexp`,
      'RE2',
    ],
    [
      'a method that does not exist',
      rule({ methods: ['GTE'] }),
      'InvalidField',
      `${here}.methods[0]`,
      '"GTE"',
      'did you mean `GET`?',
    ],
    [
      'a header condition without key',
      rule({ headers: [{ values: ['a'] }] }),
      'InvalidField',
      `${here}.headers[0].key`,
      'missing',
    ],
    [
      'a value that is no text',
      rule({ setHeaders: { 'X-A': 1 } }),
      'InvalidField',
      `${here}.setHeaders.X-A`,
      'is 1',
      'a text',
    ],
    ['a rewrite of nothing', rule({ rewriteTarget: '/a' }), 'InvalidField', `${here}.rewriteTarget`, '`pathPrefix`'],
    ['no backend', rule({ backend: '' }), 'BackendMissing', here, '`backendPool`'],
    [
      'two backends',
      rule({ backendPool: { servers: [{ url: 'http://a' }] } }),
      'BackendMissing',
      here,
      '"p"',
      'keep one',
    ],
    [
      'a pool without servers',
      rule({ backend: '', backendPool: {} }),
      'InvalidPool',
      `${here}.backendPool`,
      '`servers`',
    ],
    [
      'a pool with a filter',
      rule({
        backend: '',
        backendPool: { servers: [{ url: 'http://a' }], filter: { urls: [{ url: { prefix: '/' } }] } },
      }),
      'InvalidPool',
      `${here}.backendPool.filter`,
      'remove it',
    ],
    [
      'a pool whose server is no URL',
      rule({ backend: '', backendPool: { servers: [{ url: 'a:80' }] } }),
      'InvalidField',
      `${here}.backendPool.servers[0].url`,
      '"a:80"',
      'http://',
    ],
    [
      'an address that is none',
      { port: 1, ipFilter: { allowIPs: ['10.0.0.0/33'] } },
      'InvalidField',
      'spec.ipFilter.allowIPs[0]',
      '10.0.0.0/33',
      'network',
    ],
    [
      'an address filter without value',
      { port: 1, ipFilter: null },
      'InvalidField',
      'spec.ipFilter',
      'has no value',
      'restricts access',
    ],
    ['a field that does not exist', { port: 1, colour: 'red' }, 'UnknownField', 'spec.colour', '`colour`', 'remove it'],
    ['a slip', rule({ pathprefix: '/a' }), 'UnknownField', `${here}.pathprefix`, 'did you mean `pathPrefix`?'],
    [
      'a field one level too high',
      inRule({ pathPrefix: '/' }),
      'UnknownField',
      'spec.rules[0].pathPrefix',
      '`rules[].paths[]`',
    ],
    [
      'a slip in a protecting field',
      { port: 1, ipFliter: {} },
      'UnknownProtectingField',
      'spec.ipFliter',
      '`ipFilter`',
    ],
    [
      'a protecting field in other letters',
      { port: 1, caCERTbase64: 'YQ==' },
      'UnknownProtectingField',
      'spec.caCERTbase64',
      '`caCertBase64`',
    ],
    [
      'a slip below a protecting field',
      { port: 1, ipFilter: { allowIps: [] } },
      'UnknownProtectingField',
      'spec.ipFilter.allowIps',
      '`allowIPs`',
    ],
    [
      'a protecting field at the wrong level',
      rule({ globalFilter: 'g' }),
      'UnknownProtectingField',
      `${here}.globalFilter`,
      'the top level',
    ],
    [
      'a protection of the next release',
      { port: 1, https: true },
      'ProtectionNotActive',
      'spec.https',
      'restricts access',
    ],
    [
      'client certificates',
      { port: 1, caCertBase64: 'YQ==' },
      'ProtectionNotActive',
      'spec.caCertBase64',
      'restricts access',
    ],
    [
      'certificates by reference',
      { port: 1, certificateRefs: [{ name: 'a' }] },
      'ProtectionNotActive',
      'spec.certificateRefs',
    ],
    ['tracing', { port: 1, tracing: { serviceName: 'a' } }, 'NotYetActive', 'spec.tracing', 'no effect'],
    [
      'a policy of a pool',
      rule({ backend: '', backendPool: { servers: [{ url: 'http://a' }], retryPolicy: 'r' } }),
      'NotYetActive',
      `${here}.backendPool.retryPolicy`,
    ],
    [
      'a balancer',
      rule({ backend: '', backendPool: { servers: [{ url: 'http://a' }], loadBalance: { policy: 'ipHash' } } }),
      'NotYetActive',
      `${here}.backendPool.loadBalance.policy`,
      'ipHash',
    ],
  ]);

  it('nothing about fields that ask for nothing', () => {
    const off = {
      https: false,
      http3: false,
      autoCert: false,
      caCertBase64: '',
      certs: {},
      certificateRefs: [],
      cacheSize: 100,
    };
    expect(findings('HTTPServer', { port: 1, ...off })).toEqual([]);
  });

  it('never with the text of a secret', () => {
    const canary = 'not base64 but CANARY';
    expect(findings('HTTPServer', { port: 1, keyBase64: canary, keys: { a: 5 } }).join('\n')).not.toContain('CANARY');
  });

  it('with at most 65 findings, of which an error is never lost', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`zzz${n}`, 1]));
    const { diagnostics } = parseObject(raw('HTTPServer', { port: 1, ...many, ipFliter: {} }));
    expect(diagnostics).toHaveLength(65);
    expect(diagnostics.at(-1)).toMatchObject({ code: 'UnknownProtectingField', severity: 'error' });
  });
});

const server = { url: 'http://127.0.0.1:9001' };
const pipeline = (filter: Record<string, unknown>, rest: Record<string, unknown> = {}) => ({
  filters: [{ name: 'f', ...filter }],
  ...rest,
});
const proxy = (fields: Record<string, unknown>) =>
  pipeline({ kind: 'Proxy', pools: [{ servers: [server] }], ...fields });
const pool = (fields: Record<string, unknown>) =>
  pipeline({ kind: 'Proxy', pools: [{ servers: [server], ...fields }] });
const entry = 'spec.filters[0]';

describe('Pipeline says what is wrong:', () => {
  refusedOrWarned('Pipeline', [
    ['no filters', {}, 'InvalidField', 'spec.filters', 'missing', 'a list'],
    ['an empty list', { filters: [] }, 'InvalidField', 'spec.filters', 'has 0 entries', 'at least 1'],
    [
      'too many filters',
      { filters: Array.from({ length: 129 }, (_, n) => ({ name: `f${n}`, kind: 'Mock' })) },
      'InvalidField',
      'spec.filters',
      '129',
      'at most 128',
    ],
    ['a filter that is a text', { filters: ['proxy'] }, 'InvalidField', entry, '"proxy"', 'a mapping'],
    ['a filter without name', { filters: [{ kind: 'Mock' }] }, 'InvalidField', `${entry}.name`, 'missing'],
    ['a filter without kind', pipeline({}), 'InvalidField', `${entry}.kind`, 'missing'],
    [
      'a kind that does not exist',
      pipeline({ kind: 'Proxi' }),
      'UnknownFilterKind',
      `${entry}.kind`,
      '"Proxi"',
      '`Proxy`',
    ],
    [
      'a kind that is planned',
      pipeline({ kind: 'Validator', jwt: {} }),
      'FilterNotYetActive',
      `${entry}.kind`,
      '`Validator`',
      '`Proxy`',
    ],
    ['a field of another kind', pipeline({ kind: 'Mock', pools: [] }), 'UnknownField', `${entry}.pools`, '`pools`'],
    ['no pools', pipeline({ kind: 'Proxy' }), 'InvalidField', `${entry}.pools`, 'missing'],
    [
      'a slip below a pool',
      pool({ loadBalance: { polciy: 'random' } }),
      'UnknownField',
      `${entry}.pools[0].loadBalance.polciy`,
      '`policy`',
    ],
    [
      'a balancer that does not exist',
      pool({ loadBalance: { policy: 'robin' } }),
      'InvalidField',
      `${entry}.pools[0].loadBalance.policy`,
      '"robin"',
      '`roundRobin`',
    ],
    [
      'a weight beyond 100',
      pipeline({ kind: 'Proxy', pools: [{ servers: [{ ...server, weight: 101 }] }] }),
      'InvalidField',
      `${entry}.pools[0].servers[0].weight`,
      '101',
      'to 100',
    ],
    [
      'weights here and there',
      pipeline({ kind: 'Proxy', pools: [{ servers: [{ ...server, weight: 1 }, server] }] }),
      'InvalidPool',
      `${entry}.pools[0].servers`,
      '1 of 2',
    ],
    [
      'a code that is none',
      pool({ failureCodes: [700] }),
      'InvalidField',
      `${entry}.pools[0].failureCodes[0]`,
      '700',
      'to 599',
    ],
    [
      'a Service without port',
      pipeline({ kind: 'Proxy', pools: [{ service: { name: 'a' } }] }),
      'InvalidField',
      `${entry}.pools[0].service.port`,
      'missing',
      'a whole number from 1 to 65535 or a text',
    ],
    [
      'a condition without form',
      pool({ filter: { headers: { 'X-A': {} } } }),
      'InvalidField',
      `${entry}.pools[0].filter.headers.X-A`,
      '`exact`',
    ],
    [
      'a cache',
      pool({ memoryCache: { expiration: '1s', maxEntryBytes: 1, codes: [200], methods: ['GET'] } }),
      'NotYetActive',
      `${entry}.pools[0].memoryCache`,
      'no effect',
    ],
    [
      'a mirror',
      proxy({ mirrorPool: { servers: [server], filter: { urls: [{ url: { prefix: '/' } }] } } }),
      'NotYetActive',
      `${entry}.mirrorPool`,
    ],
    ['a health check', pool({ healthCheck: { interval: '1s' } }), 'NotYetActive', `${entry}.pools[0].healthCheck`],
    ['a slip in what checks servers', proxy({ mtsl: {} }), 'UnknownProtectingField', `${entry}.mtsl`, '`mtls`'],
    ['a half certificate', proxy({ mtls: { certBase64: 'YQ==' } }), 'InvalidField', `${entry}.mtls`, '`keyBase64`'],
    ['a limiter without entries', pipeline({ kind: 'RateLimiter' }), 'InvalidField', `${entry}.urls`, 'missing'],
    [
      'a limiter whose policy is unknown',
      pipeline({ kind: 'RateLimiter', urls: [{ url: { prefix: '/' }, policyRef: 'a' }] }),
      'InvalidField',
      `${entry}.urls[0].policyRef`,
      '`a`',
    ],
    [
      'a cycle of no time',
      pipeline({
        kind: 'RateLimiter',
        policies: [{ name: 'a', limitRefreshPeriod: '0s' }],
        urls: [{ url: { prefix: '/' }, policyRef: 'a' }],
      }),
      'InvalidField',
      `${entry}.policies[0].limitRefreshPeriod`,
      '"0s"',
      'above zero',
    ],
    [
      'a mock of code 100',
      pipeline({ kind: 'Mock', rules: [{ match: {}, code: 100 }] }),
      'InvalidField',
      `${entry}.rules[0].code`,
      'from 200',
    ],
    [
      'a reference beside a kind',
      pipeline({ kind: 'Mock', filterRef: { name: 'a' } }),
      'InvalidField',
      `${entry}.filterRef`,
      '`kind`',
    ],
    ['a reference without name', pipeline({ filterRef: {} }), 'InvalidField', `${entry}.filterRef.name`, 'missing'],
    [
      'a node without filter',
      pipeline({ kind: 'Mock' }, { flow: [{}] }),
      'InvalidField',
      'spec.flow[0].filter',
      'missing',
    ],
    [
      'a jump to a number',
      pipeline({ kind: 'Mock' }, { flow: [{ filter: 'f', jumpIf: { mocked: 5 } }] }),
      'InvalidField',
      'spec.flow[0].jumpIf.mocked',
      'is 5',
      'a text',
    ],
    [
      'a policy of no kind',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'Retri' }] }),
      'InvalidField',
      'spec.resilience[0].kind',
      '"Retri"',
      '`Retry`',
    ],
    [
      'a policy without attempts',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'Retry', maxAttempts: 0 }] }),
      'InvalidField',
      'spec.resilience[0].maxAttempts',
      'is 0',
      'from 1',
    ],
    [
      'a slip in a policy',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'CircuitBreaker', slidingWindowsize: 1 }] }),
      'UnknownField',
      'spec.resilience[0].slidingWindowsize',
      '`slidingWindowSize`',
    ],
    [
      'a field of the documents only',
      pipeline({ kind: 'Mock' }, { protocol: 'HTTP' }),
      'UnknownField',
      'spec.protocol',
    ],
  ]);

  it('in every filter, also when another part is invalid', () => {
    const found = findings('Pipeline', {
      flow: 5,
      filters: [
        { name: 'a', kind: 'Nope' },
        { name: 'b', kind: 'Mock', rules: 5 },
      ],
    });
    expect(found.map((line) => line.split(' | ')[0])).toEqual([
      'InvalidField spec.flow',
      'UnknownFilterKind spec.filters[0].kind',
      'InvalidField spec.filters[1].rules',
    ]);
  });

  it('and has no value then, because a pipeline without one of its filters would mean something else', () => {
    expect(parseObject(raw('Pipeline', pipeline({ kind: 'Validator' }))).value).toBeNull();
    expect(parseObject(raw('Pipeline', proxy({ mtsl: {} }))).value).toBeNull();
    expect(parseObject(raw('Pipeline', pool({ retryPolicy: 'r' }))).value).not.toBeNull();
  });
});

describe('Filter and GlobalFilter say what is wrong:', () => {
  refusedOrWarned('Filter', [
    ['no kind', {}, 'InvalidField', 'spec.kind', 'missing'],
    ['a field of the kind', { kind: 'Proxy', pools: 'a' }, 'InvalidField', 'spec.pools', '"a"', 'a list'],
    ['a kind that is planned', { kind: 'WasmHost' }, 'FilterNotYetActive', 'spec.kind', '`WasmHost`'],
  ]);
  refusedOrWarned('GlobalFilter', [
    ['neither side', {}, 'InvalidField', 'spec', '`beforePipeline`'],
    [
      'a filter on one side',
      { afterPipeline: pipeline({ kind: 'Nope' }) },
      'UnknownFilterKind',
      'spec.afterPipeline.filters[0].kind',
      '"Nope"',
    ],
    [
      'a slip in a protecting side',
      { beforePipelin: {}, afterPipeline: pipeline({ kind: 'Mock' }) },
      'UnknownProtectingField',
      'spec.beforePipelin',
      '`beforePipeline`',
    ],
    [
      'a switch as text',
      { afterPipeline: pipeline({ kind: 'Mock' }), fallthrough: { pipeline: 'no' } },
      'InvalidField',
      'spec.fallthrough.pipeline',
      '"no"',
    ],
  ]);

  it('each thing once', () => {
    const found = findings('GlobalFilter', { beforePipeline: pipeline({ kind: 'Mock' }, { flow: 5, colour: 1 }) });
    expect(found.map((line) => line.split(' | ')[0])).toEqual([
      'UnknownField spec.beforePipeline.colour',
      'InvalidField spec.beforePipeline.flow',
    ]);
  });
});

describe('what Kubernetes owns', () => {
  it('is read leniently: unknown fields are none of our business', () => {
    const slice = {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: null, serving: true }, hints: {} }],
      ports: [{ name: null, port: 80 }],
    };
    const { value, diagnostics } = parseObject(raw('EndpointSlice', slice));
    expect(diagnostics).toEqual([]);
    expect(value?.spec).toMatchObject({
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true, terminating: false } }],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    });
  });

  it('is refused with its path when it makes no sense', () => {
    expect(findings('EndpointSlice', { addressType: 'IPv4', endpoints: {} })[0]).toContain('InvalidField endpoints | ');
    expect(findings('Service', { ports: [{ port: 0 }] })[0]).toContain('InvalidField spec.ports[0].port | ');
  });
});

describe('defaults and values', () => {
  it('are those of Easegress', () => {
    expect(parseObject(raw('HTTPServer', { port: 10_080, clientMaxBodySize: 0 })).value?.spec).toMatchObject({
      keepAlive: true,
      keepAliveTimeout: '60s',
      maxConnections: 10_240,
      clientMaxBodySize: 4_194_304,
      xForwardedFor: false,
      routerKind: 'Ordered',
      className: 'easegress',
    });
    expect(
      parseObject(
        raw(
          'Pipeline',
          pipeline(
            { kind: 'Mock' },
            {
              resilience: [
                { name: 'c', kind: 'CircuitBreaker' },
                { name: 'r', kind: 'Retry' },
              ],
            },
          ),
        ),
      ).value?.spec,
    ).toMatchObject({
      flow: [],
      resilience: [
        { slidingWindowSize: 100, minimumNumberOfCalls: 100, waitDurationInOpenState: '1m' },
        { maxAttempts: 3, waitDuration: '500ms', backOffPolicy: 'random', randomizationFactor: 0 },
      ],
    });
  });

  it('keep the free values of a pipeline as they are, also empty ones', () => {
    const data = { a: null, b: { c: [1, null] } };
    expect(parseObject(raw('Pipeline', pipeline({ kind: 'Mock' }, { data }))).value?.spec).toMatchObject({ data });
  });

  it('take names like __proto__ for what they are', () => {
    const spec = JSON.parse('{"port":1,"__proto__":{"https":true},"constructor":1}') as Record<string, unknown>;
    expect(findings('HTTPServer', spec).map((line) => line.split(' | ')[0])).toEqual([
      'UnknownField spec.__proto__',
      'UnknownField spec.constructor',
    ]);
  });

  it('leave the object that was read untouched', () => {
    const spec = Object.freeze({
      port: 1,
      rules: Object.freeze([Object.freeze({ host: 5, paths: Object.freeze([]) })]),
    });
    expect(() => parseObject(raw('HTTPServer', spec))).not.toThrow();
  });
});

describe('the list of kinds', () => {
  it.each(resourceKinds.map((kind) => kind.kind))('has a reader for %s', (kind) => {
    expect(() => parseObject(raw(kind, {}))).not.toThrow();
  });

  it('refuses another kind', () => {
    expect(parseObject(raw('Ingres', {})).diagnostics).toMatchObject([{ code: 'UnknownKind' }]);
  });

  it('uses only codes of the catalogue', () => {
    expect(Object.keys(diagnosticCodes)).toContain('UnknownProtectingField');
  });
});
