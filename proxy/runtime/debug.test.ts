import { describe, expect, it } from 'vitest';
import { pipelineUnit, upstreamUnit } from '#test/support/units.ts';
import { wire } from '#test/support/wire-units.ts';
import { redactUnit } from './debug.ts';

const canary = 'canary-4711';

describe('units on a debug page', () => {
  it('show no private key', () => {
    const unit = wire(
      upstreamUnit('upstream/a', null, { tls: { verify: true, ca: '', certificate: '', key: canary } }),
    );
    const shown = JSON.stringify(redactUnit(unit));
    expect(shown).not.toContain(canary);
    expect(shown).toContain('upstream/a');
  });

  it('show nothing of a filter that nobody knows', () => {
    const filter = { name: 'x', kind: 'Unknown', spec: { password: canary }, upstreams: {} };
    const shown = JSON.stringify(redactUnit(wire(pipelineUnit('pipeline/a', [], { filters: [filter] }))));
    expect(shown).not.toContain(canary);
    expect(shown).toContain('"kind":"Unknown"');
  });

  it('show nothing of a unit that nobody knows, or that is malformed', () => {
    const unknown = { kind: 'teapot', name: 'a', hash: '', origins: [], content: { secret: canary } };
    expect(JSON.stringify(redactUnit(unknown))).not.toContain(canary);
    const malformed = { kind: 'pipeline', name: 'a', hash: '', origins: [], content: { filters: canary } };
    expect(JSON.stringify(redactUnit(malformed))).not.toContain(canary);
  });
});
