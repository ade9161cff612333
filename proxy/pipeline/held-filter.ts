// A filter instance with the pipelines that hold it. An update that leaves a filter's spec and upstreams alone
// carries the instance into the next pipeline; it is disposed when the last pipeline that has it is gone.

import type { Upstream } from '#proxy/upstream/upstream.ts';
import type { FilterInstance } from './filter.ts';

export interface HeldFilterParts {
  readonly kind: string;
  readonly instance: FilterInstance;
  /** Canonical text of the spec. */
  readonly spec: string;
  readonly upstreams: ReadonlyMap<string, Upstream>;
}

export class HeldFilter {
  readonly kind: string;
  readonly instance: FilterInstance;
  private readonly spec: string;
  private readonly upstreams: ReadonlyMap<string, Upstream>;
  private holders = 1;

  constructor(parts: HeldFilterParts) {
    this.kind = parts.kind;
    this.instance = parts.instance;
    this.spec = parts.spec;
    this.upstreams = parts.upstreams;
  }

  /** True when an instance built from these parts would be this one: the very same upstreams, not only their names. */
  matches(kind: string, spec: string, upstreams: ReadonlyMap<string, Upstream>): boolean {
    if (this.kind !== kind || this.spec !== spec || this.upstreams.size !== upstreams.size) return false;
    for (const [path, upstream] of upstreams) if (this.upstreams.get(path) !== upstream) return false;
    return true;
  }

  retain(): this {
    this.holders++;
    return this;
  }

  release(): void {
    if (--this.holders === 0) this.instance.dispose?.();
  }
}
