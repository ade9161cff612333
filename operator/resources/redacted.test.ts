import { describe, expect, it } from 'vitest';
import { pipelineUnit, upstreamUnit } from '#test/support/units.ts';
import type { RawObject } from './object.ts';
import { redactedObject, redactedUnit } from './redacted.ts';

const canary = 'canary-of-a-secret';

function object(kind: string, spec: Record<string, unknown>): RawObject {
  const rest = { createdAt: '', generation: 1, labels: {}, annotations: {}, location: '', imported: false };
  return { kind, namespace: 'default', name: 'x', spec, ...rest };
}

const validator = { name: 'v', kind: 'Validator', jwt: { algorithm: 'HS256', secret: canary } };
const proxy = { name: 'p', kind: 'Proxy', mtls: { certBase64: 'c', keyBase64: canary }, pools: [{ servers: [] }] };

describe('what a person sees', () => {
  it.each([
    ['a server', object('HTTPServer', { port: 1, keyBase64: canary, keys: { a: canary } })],
    ['a pipeline', object('Pipeline', { filters: [validator, proxy] })],
    ['a filter', object('Filter', { ...validator })],
    ['an object of an unknown kind', object('Secret', { data: canary })],
  ])('holds no secret of %s', (_, value) => {
    expect(JSON.stringify(value)).toContain(canary);
    expect(JSON.stringify(redactedObject(value))).not.toContain(canary);
    expect(JSON.stringify(redactedObject(value))).toContain('<redacted>');
  });

  it('holds no secret of units, and everything else of them', () => {
    const tls = { verify: true, ca: '', certificate: 'c', key: canary };
    const upstream = redactedUnit(upstreamUnit('upstream/a', null, { tls }));
    const { name, kind, ...spec } = validator;
    const pipeline = redactedUnit(pipelineUnit('pipeline/a', [], { filters: [{ name, kind, spec, upstreams: {} }] }));
    expect(JSON.stringify([upstream, pipeline])).not.toContain(canary);
    expect(upstream).toMatchObject({ content: { balancer: 'roundRobin', tls: { certificate: 'c' } } });
    expect(pipeline).toMatchObject({ content: { filters: [{ spec: { jwt: { algorithm: 'HS256' } } }] } });
  });
});
