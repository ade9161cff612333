import { describe, expect, it } from 'vitest';
import { findingsOf, rawObject } from '#test/support/object-findings.ts';
import { resourceKinds } from './index.ts';
import { parseObject } from './parse-object.ts';

const pipeline = (filter: Record<string, unknown>, rest: Record<string, unknown> = {}) => ({
  filters: [{ name: 'f', ...filter }],
  ...rest,
});

describe('what Kubernetes owns', () => {
  it('is read leniently: unknown fields are none of our business', () => {
    const slice = {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: null, serving: true }, hints: {} }],
      ports: [{ name: null, port: 80 }],
    };
    const { value, diagnostics } = parseObject(rawObject('EndpointSlice', slice));
    expect(diagnostics).toEqual([]);
    expect(value?.spec).toMatchObject({
      endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true, terminating: false } }],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    });
  });

  it('is refused with its path when it makes no sense', () => {
    expect(findingsOf('EndpointSlice', { addressType: 'IPv4', endpoints: {} })[0]).toContain(
      'InvalidField endpoints | ',
    );
    expect(findingsOf('Service', { ports: [{ port: 0 }] })[0]).toContain('InvalidField spec.ports[0].port | ');
  });
});

describe('defaults and values', () => {
  it('are those of Easegress', () => {
    expect(parseObject(rawObject('HTTPServer', { port: 10_080, clientMaxBodySize: 0 })).value?.spec).toMatchObject({
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
        rawObject(
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
    expect(parseObject(rawObject('Pipeline', pipeline({ kind: 'Mock' }, { data }))).value?.spec).toMatchObject({
      data,
    });
  });

  it('take names like __proto__ for what they are', () => {
    const spec = JSON.parse('{"port":1,"__proto__":{"https":true},"constructor":1}') as Record<string, unknown>;
    expect(findingsOf('HTTPServer', spec).map((line) => line.split(' | ')[0])).toEqual([
      'UnknownField spec.__proto__',
      'UnknownField spec.constructor',
    ]);
  });

  it('leave the object that was read untouched', () => {
    const spec = Object.freeze({
      port: 1,
      rules: Object.freeze([Object.freeze({ host: 5, paths: Object.freeze([]) })]),
    });
    expect(() => parseObject(rawObject('HTTPServer', spec))).not.toThrow();
  });
});

describe('the list of kinds', () => {
  it.each(resourceKinds.map((kind) => kind.kind))('has a reader for %s', (kind) => {
    expect(() => parseObject(rawObject(kind, {}))).not.toThrow();
  });

  it('refuses another kind', () => {
    expect(parseObject(rawObject('Ingres', {})).diagnostics).toMatchObject([{ code: 'UnknownKind' }]);
  });
});
