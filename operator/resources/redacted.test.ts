import { describe, expect, it } from 'vitest';
import { pipelineUnit, upstreamUnit } from '#test/support/units.ts';
import { showValue } from './finding.ts';
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
    ['a misspelt field', object('Pipeline', { filters: [{ ...validator, jwt: { secrt: canary } }] })],
    ['a field in the wrong place', object('HTTPServer', { port: 1, rules: [{ secret: canary }] })],
    ['a misspelt kind', object('Pipeline', { filters: [{ ...validator, kind: 'Validtor' }] })],
    ['a misspelt kind in a filter', object('Filter', { ...validator, kind: 'Validtor' })],
    ['a misspelt kind in a global filter', object('GlobalFilter', { beforePipeline: { filters: [{ x: canary }] } })],
    ['a mapping in the place of a list', object('HTTPServer', { port: 1, rules: { secret: canary } })],
    ['an annotation', { ...object('Service', {}), annotations: { 'last-applied-configuration': canary } }],
    ['a URL', object('Pipeline', { filters: [{ ...proxy, pools: [{ servers: [{ url: `http://u:${canary}@h` }] }] }] })],
    ['an object of an unknown kind', object('Secret', { data: canary })],
  ])('holds no secret of %s', (_, value) => {
    expect(JSON.stringify(value)).toContain(canary);
    expect(JSON.stringify(redactedObject(value))).not.toContain(canary);
    expect(JSON.stringify(redactedObject(value))).toContain('<redacted>');
  });

  it('holds no password of a URL in a message', () => {
    expect(showValue(`http://u:${canary}@h/a@b`, false)).toBe('is "http://<redacted>@h/a@b"');
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
