// What the router found for one request. The caller keeps one per connection (or thread) and hands it in again; every
// look-up overwrites all of it.

import type { OwnerRouter } from './owner.ts';
import type { CompiledPath, CompiledRule } from './rule.ts';
import type { RewritePart } from './pattern.ts';
import type { PipelineSlot } from './pipeline-slot.ts';

/** What a pattern captured. Few, so a look-up is a walk. */
export class Captures {
  readonly names: readonly string[];
  readonly values: readonly string[];

  constructor(names: readonly string[], values: readonly string[]) {
    this.names = names;
    this.values = values;
  }

  get(name: string): string | undefined {
    return this.values[this.names.indexOf(name)];
  }
}

export class RouteMatch<T = unknown> {
  owner: OwnerRouter<T> | null = null;
  /** Null when no rule took the request. */
  rule: CompiledRule<T> | null = null;
  path: CompiledPath<T> | null = null;
  /** The path's pipeline; null answers 503. */
  slot: PipelineSlot<T> | null = null;
  /** The decoded path that was compared. */
  text = '';
  /** Limit of the request body in bytes: the path's, else the owner's. Negative = none. */
  clientMaxBodySize = 0;
  /** RadixTree semantics: what the pattern captured, and the parts of its rewrite target. */
  captures: Captures | null = null;
  rewrite: readonly RewritePart[] | null = null;
}
