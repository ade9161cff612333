import { describe, expect, it } from 'vitest';
import { findingsOf, itFinds, rawObject } from '#test/support/object-findings.ts';
import { parseObject } from './parse-object.ts';

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
  itFinds('Pipeline', [
    ['no filters', {}, 'InvalidField spec.filters', 'missing', 'a list'],
    ['an empty list', { filters: [] }, 'InvalidField spec.filters', 'has 0 entries', 'at least 1'],
    [
      'too many filters',
      { filters: Array.from({ length: 129 }, (_, n) => ({ name: `f${n}`, kind: 'Mock' })) },
      'InvalidField spec.filters',
      '129',
      'at most 128',
    ],
    ['a filter that is a text', { filters: ['proxy'] }, `InvalidField ${entry}`, '"proxy"', 'a mapping'],
    ['a filter without name', { filters: [{ kind: 'Mock' }] }, `InvalidField ${entry}.name`, 'missing'],
    ['a filter without kind', pipeline({}), `InvalidField ${entry}.kind`, 'missing'],
    [
      'a kind that does not exist',
      pipeline({ kind: 'Proxi' }),
      `UnknownFilterKind ${entry}.kind`,
      '"Proxi"',
      '`Proxy`',
    ],
    [
      'a kind that is planned',
      pipeline({ kind: 'Validator', jwt: {} }),
      `FilterNotYetActive ${entry}.kind`,
      '`Validator`',
      '`Proxy`',
    ],
    ['a field of another kind', pipeline({ kind: 'Mock', pools: [] }), `UnknownField ${entry}.pools`, '`pools`'],
    ['no pools', pipeline({ kind: 'Proxy' }), `InvalidField ${entry}.pools`, 'missing'],
    [
      'a slip below a pool',
      pool({ loadBalance: { polciy: 'random' } }),
      `UnknownField ${entry}.pools[0].loadBalance.polciy`,
      '`policy`',
    ],
    [
      'a balancer that does not exist',
      pool({ loadBalance: { policy: 'robin' } }),
      `InvalidField ${entry}.pools[0].loadBalance.policy`,
      '"robin"',
      '`roundRobin`',
    ],
    [
      'a weight beyond 100',
      pipeline({ kind: 'Proxy', pools: [{ servers: [{ ...server, weight: 101 }] }] }),
      `InvalidField ${entry}.pools[0].servers[0].weight`,
      '101',
      'to 100',
    ],
    [
      'weights here and there',
      pipeline({ kind: 'Proxy', pools: [{ servers: [{ ...server, weight: 1 }, server] }] }),
      `InvalidPool ${entry}.pools[0].servers`,
      '1 of 2',
    ],
    [
      'a code that is none',
      pool({ failureCodes: [700] }),
      `InvalidField ${entry}.pools[0].failureCodes[0]`,
      '700',
      'to 599',
    ],
    [
      'a Service without port',
      pipeline({ kind: 'Proxy', pools: [{ service: { name: 'a' } }] }),
      `InvalidField ${entry}.pools[0].service.port`,
      'missing',
      'a whole number from 1 to 65535 or a text',
    ],
    [
      'a condition without form',
      pool({ filter: { headers: { 'X-A': {} } } }),
      `InvalidField ${entry}.pools[0].filter.headers.X-A`,
      '`exact`',
    ],
    [
      'a cache',
      pool({ memoryCache: { expiration: '1s', maxEntryBytes: 1, codes: [200], methods: ['GET'] } }),
      `NotYetActive ${entry}.pools[0].memoryCache`,
      'no effect',
    ],
    [
      'a mirror',
      proxy({ mirrorPool: { servers: [server], filter: { urls: [{ url: { prefix: '/' } }] } } }),
      `NotYetActive ${entry}.mirrorPool`,
    ],
    ['a health check', pool({ healthCheck: { interval: '1s' } }), `NotYetActive ${entry}.pools[0].healthCheck`],
    ['a slip in what checks servers', proxy({ mtsl: {} }), `UnknownProtectingField ${entry}.mtsl`, '`mtls`'],
    ['a half certificate', proxy({ mtls: { certBase64: 'YQ==' } }), `InvalidField ${entry}.mtls`, '`keyBase64`'],
    ['a limiter without entries', pipeline({ kind: 'RateLimiter' }), `InvalidField ${entry}.urls`, 'missing'],
    [
      'a limiter whose policy is unknown',
      pipeline({ kind: 'RateLimiter', urls: [{ url: { prefix: '/' }, policyRef: 'a' }] }),
      `InvalidField ${entry}.urls[0].policyRef`,
      '`a`',
    ],
    [
      'a cycle of no time',
      pipeline({
        kind: 'RateLimiter',
        policies: [{ name: 'a', limitRefreshPeriod: '0s' }],
        urls: [{ url: { prefix: '/' }, policyRef: 'a' }],
      }),
      `InvalidField ${entry}.policies[0].limitRefreshPeriod`,
      '"0s"',
      'above zero',
    ],
    [
      'a mock of code 100',
      pipeline({ kind: 'Mock', rules: [{ match: {}, code: 100 }] }),
      `InvalidField ${entry}.rules[0].code`,
      'from 200',
    ],
    [
      'a reference beside a kind',
      pipeline({ kind: 'Mock', filterRef: { name: 'a' } }),
      `InvalidField ${entry}.filterRef`,
      '`kind`',
    ],
    ['a reference without name', pipeline({ filterRef: {} }), `InvalidField ${entry}.filterRef.name`, 'missing'],
    [
      'a node without filter',
      pipeline({ kind: 'Mock' }, { flow: [{}] }),
      'InvalidField spec.flow[0].filter',
      'missing',
    ],
    [
      'a jump to a number',
      pipeline({ kind: 'Mock' }, { flow: [{ filter: 'f', jumpIf: { mocked: 5 } }] }),
      'InvalidField spec.flow[0].jumpIf.mocked',
      'is 5',
      'a text',
    ],
    [
      'a policy of no kind',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'Retri' }] }),
      'InvalidField spec.resilience[0].kind',
      '"Retri"',
      '`Retry`',
    ],
    [
      'a policy without attempts',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'Retry', maxAttempts: 0 }] }),
      'InvalidField spec.resilience[0].maxAttempts',
      'is 0',
      'from 1',
    ],
    [
      'a slip in a policy',
      pipeline({ kind: 'Mock' }, { resilience: [{ name: 'a', kind: 'CircuitBreaker', slidingWindowsize: 1 }] }),
      'UnknownField spec.resilience[0].slidingWindowsize',
      '`slidingWindowSize`',
    ],
    ['a field of the documents only', pipeline({ kind: 'Mock' }, { protocol: 'HTTP' }), 'UnknownField spec.protocol'],
  ]);

  it('in every filter, also when another part is invalid', () => {
    const found = findingsOf('Pipeline', {
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
    expect(parseObject(rawObject('Pipeline', pipeline({ kind: 'Validator' }))).value).toBeNull();
    expect(parseObject(rawObject('Pipeline', proxy({ mtsl: {} }))).value).toBeNull();
    expect(parseObject(rawObject('Pipeline', pool({ retryPolicy: 'r' }))).value).not.toBeNull();
  });
});

describe('Filter and GlobalFilter say what is wrong:', () => {
  itFinds('Filter', [
    ['no kind', {}, 'InvalidField spec.kind', 'missing'],
    ['a field of the kind', { kind: 'Proxy', pools: 'a' }, 'InvalidField spec.pools', '"a"', 'a list'],
    ['a kind that is planned', { kind: 'WasmHost' }, 'FilterNotYetActive spec.kind', '`WasmHost`'],
  ]);
  itFinds('GlobalFilter', [
    ['neither side', {}, 'InvalidField spec', '`beforePipeline`'],
    [
      'a filter on one side',
      { afterPipeline: pipeline({ kind: 'Nope' }) },
      'UnknownFilterKind spec.afterPipeline.filters[0].kind',
      '"Nope"',
    ],
    [
      'a slip in a protecting side',
      { beforePipelin: {}, afterPipeline: pipeline({ kind: 'Mock' }) },
      'UnknownProtectingField spec.beforePipelin',
      '`beforePipeline`',
    ],
    [
      'a switch as text',
      { afterPipeline: pipeline({ kind: 'Mock' }), fallthrough: { pipeline: 'no' } },
      'InvalidField spec.fallthrough.pipeline',
      '"no"',
    ],
  ]);

  it('each thing once', () => {
    const found = findingsOf('GlobalFilter', { beforePipeline: pipeline({ kind: 'Mock' }, { flow: 5, colour: 1 }) });
    expect(found.map((line) => line.split(' | ')[0])).toEqual([
      'UnknownField spec.beforePipeline.colour',
      'InvalidField spec.beforePipeline.flow',
    ]);
  });
});
