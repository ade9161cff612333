// What the router found for one request. The caller keeps one per connection (or thread) and hands it in again; every
// look-up overwrites all of it.

import type { OwnerRouter } from './owner.ts';
import type { CompiledPath, CompiledRule } from './rule.ts';
import type { RewritePart } from './pattern.ts';
import type { PipelineSlot } from './pipeline-slot.ts';

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
  captures: ReadonlyMap<string, string> | null = null;
  rewrite: readonly RewritePart[] | null = null;
}
