// Units as they travel, for tests of the proxy without an operator.

import type { WireUnit } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import { pipelineUnit } from './units.ts';

export function wire(unit: AnyUnit): WireUnit {
  return { ...unit, origins: [...unit.origins] };
}

/** A pipeline that answers 200 with `body`. */
export function mockPipeline(name: string, body: string): WireUnit {
  const filter = { name: 'mock', kind: 'Mock', spec: { rules: [{ match: {}, code: 200, body }] }, upstreams: {} };
  return wire(pipelineUnit(name, [], { filters: [filter] }));
}

/** One that no proxy can build. */
export function brokenPipeline(name: string): WireUnit {
  const filter = { name: 'broken', kind: 'NoSuchKind', spec: {}, upstreams: {} };
  return wire(pipelineUnit(name, [], { filters: [filter] }));
}
