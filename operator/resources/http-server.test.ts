import { describe, expect, it } from 'vitest';
import { findingsOf, itFinds, rawObject } from '#test/support/object-findings.ts';
import { parseObject } from './parse-object.ts';

const rule = (path: Record<string, unknown>) => ({ port: 80, rules: [{ paths: [{ backend: 'p', ...path }] }] });
const inRule = (fields: Record<string, unknown>) => ({ port: 80, rules: [{ paths: [], ...fields }] });
const here = 'spec.rules[0].paths[0]';

describe('HTTPServer says what is wrong:', () => {
  itFinds('HTTPServer', [
    ['a port that is missing', {}, 'InvalidField spec.port', '`port` is missing', 'from 0 to 65535'],
    ['a port as text', { port: '80' }, 'InvalidField spec.port', 'is "80"', 'a whole number'],
    ['a port beyond the last', { port: 65_536 }, 'InvalidField spec.port', '65536', 'to 65535'],
    ['a port with a fraction', { port: 80.5 }, 'InvalidField spec.port', '80.5', 'a whole number'],
    ['no connections at all', { port: 1, maxConnections: 0 }, 'InvalidField spec.maxConnections', 'is 0', 'from 1'],
    [
      'a time-out without unit',
      { port: 1, keepAliveTimeout: '60' },
      'InvalidField spec.keepAliveTimeout',
      '"60"',
      '`30s`',
    ],
    ['a time-out as number', { port: 1, keepAliveTimeout: 60 }, 'InvalidField spec.keepAliveTimeout', 'is 60', '`30s`'],
    ['a flag as text', { port: 1, keepAlive: 'yes' }, 'InvalidField spec.keepAlive', '"yes"', '`true` or `false`'],
    [
      'a router that does not exist',
      { port: 1, routerKind: 'Radix' },
      'InvalidField spec.routerKind',
      '"Radix"',
      '`RadixTree`',
    ],
    ['rules that are no list', { port: 1, rules: { a: 1 } }, 'InvalidField spec.rules', 'is a mapping', 'a list'],
    [
      'too many rules',
      { port: 1, rules: Array.from({ length: 513 }, () => ({})) },
      'InvalidField spec.rules',
      '513',
      'at most 512',
    ],
    [
      'too many paths',
      inRule({ paths: Array.from({ length: 257 }, () => ({ backend: 'p' })) }),
      'InvalidField spec.rules[0].paths',
      '257',
      'at most 256',
    ],
    [
      'a host with a wildcard inside',
      inRule({ host: 'a.*.io' }),
      'InvalidField spec.rules[0].host',
      '"a.*.io"',
      'at most one `*`',
    ],
    [
      'a host of two wildcards',
      inRule({ hosts: [{ value: '*.a.*' }] }),
      'InvalidField spec.rules[0].hosts[0].value',
      '"*.a.*"',
    ],
    [
      'a host expression that does not compile',
      inRule({ hostRegexp: 'a(' }),
      'InvalidField spec.rules[0].hostRegexp',
      '"a("',
      'RE2',
    ],
    [
      'a host expression in the list',
      inRule({ hosts: [{ isRegexp: true, value: '(?=a)' }] }),
      'InvalidField spec.rules[0].hosts[0].value',
      'RE2',
    ],
    ['a path without a slash', rule({ path: 'a' }), `InvalidField ${here}.path`, '"a"', 'begins with `/`'],
    ['a path expression with look-behind', rule({ pathRegexp: '(?<=a)b' }), `InvalidField ${here}.pathRegexp`, 'RE2'],
    [
      'a method that does not exist',
      rule({ methods: ['GTE'] }),
      `InvalidField ${here}.methods[0]`,
      '"GTE"',
      'did you mean `GET`?',
    ],
    [
      'a header condition without key',
      rule({ headers: [{ values: ['a'] }] }),
      `InvalidField ${here}.headers[0].key`,
      'missing',
    ],
    [
      'a value that is no text',
      rule({ setHeaders: { 'X-A': 1 } }),
      `InvalidField ${here}.setHeaders.X-A`,
      'is 1',
      'a text',
    ],
    ['a rewrite of nothing', rule({ rewriteTarget: '/a' }), `InvalidField ${here}.rewriteTarget`, '`pathPrefix`'],
    ['no backend', rule({ backend: '' }), `BackendMissing ${here}`, '`backendPool`'],
    [
      'two backends',
      rule({ backendPool: { servers: [{ url: 'http://a' }] } }),
      `BackendMissing ${here}`,
      '"p"',
      'keep one',
    ],
    ['a pool without servers', rule({ backend: '', backendPool: {} }), `InvalidPool ${here}.backendPool`, '`servers`'],
    [
      'a pool with a filter',
      rule({
        backend: '',
        backendPool: { servers: [{ url: 'http://a' }], filter: { urls: [{ url: { prefix: '/' } }] } },
      }),
      `InvalidPool ${here}.backendPool.filter`,
      'remove it',
    ],
    [
      'a pool whose server is no URL',
      rule({ backend: '', backendPool: { servers: [{ url: 'a:80' }] } }),
      `InvalidField ${here}.backendPool.servers[0].url`,
      '"a:80"',
      'http://',
    ],
    [
      'an address that is none',
      { port: 1, ipFilter: { allowIPs: ['10.0.0.0/33'] } },
      'InvalidField spec.ipFilter.allowIPs[0]',
      '10.0.0.0/33',
      'network',
    ],
    [
      'an address filter without value',
      { port: 1, ipFilter: null },
      'InvalidField spec.ipFilter',
      'has no value',
      'restricts access',
    ],
    ['a field that does not exist', { port: 1, colour: 'red' }, 'UnknownField spec.colour', '`colour`', 'remove it'],
    ['a slip', rule({ pathprefix: '/a' }), `UnknownField ${here}.pathprefix`, 'did you mean `pathPrefix`?'],
    [
      'a field one level too high',
      inRule({ pathPrefix: '/' }),
      'UnknownField spec.rules[0].pathPrefix',
      '`rules[].paths[]`',
    ],
    ['a slip in a protecting field', { port: 1, ipFliter: {} }, 'UnknownProtectingField spec.ipFliter', '`ipFilter`'],
    [
      'a protecting field in other letters',
      { port: 1, caCERTbase64: 'YQ==' },
      'UnknownProtectingField spec.caCERTbase64',
      '`caCertBase64`',
    ],
    [
      'a slip below a protecting field',
      { port: 1, ipFilter: { allowIps: [] } },
      'UnknownProtectingField spec.ipFilter.allowIps',
      '`allowIPs`',
    ],
    [
      'a protecting field at the wrong level',
      rule({ globalFilter: 'g' }),
      `UnknownProtectingField ${here}.globalFilter`,
      'the top level',
    ],
    [
      'a protection of the next release',
      { port: 1, http3: true },
      'ProtectionNotActive spec.http3',
      'restricts access',
    ],
    [
      'client certificates without TLS',
      { port: 1, caCertBase64: 'YQ==' },
      'InvalidField spec.caCertBase64',
      '`https: true`',
    ],
    [
      'certificates by reference',
      { port: 1, certificateRefs: [{ name: 'a' }] },
      'ProtectionNotActive spec.certificateRefs',
    ],
    ['tracing', { port: 1, tracing: { serviceName: 'a' } }, 'NotYetActive spec.tracing', 'no effect'],
    [
      'a policy of a pool',
      rule({ backend: '', backendPool: { servers: [{ url: 'http://a' }], retryPolicy: 'r' } }),
      `NotYetActive ${here}.backendPool.retryPolicy`,
    ],
    [
      'a balancer',
      rule({ backend: '', backendPool: { servers: [{ url: 'http://a' }], loadBalance: { policy: 'ipHash' } } }),
      `NotYetActive ${here}.backendPool.loadBalance.policy`,
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
    expect(findingsOf('HTTPServer', { port: 1, ...off })).toEqual([]);
  });

  it('never with the text of a secret', () => {
    const canary = '%CANARY%';
    expect(findingsOf('HTTPServer', { port: 1, keyBase64: canary, keys: { a: 5 } }).join('\n')).not.toContain('CANARY');
  });

  it('with at most 65 findings, of which an error is never lost', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`zzz${n}`, 1]));
    const { diagnostics } = parseObject(rawObject('HTTPServer', { port: 1, ...many, ipFliter: {} }));
    expect(diagnostics).toHaveLength(65);
    expect(diagnostics.at(-1)).toMatchObject({ code: 'UnknownProtectingField', severity: 'error' });
  });
});
