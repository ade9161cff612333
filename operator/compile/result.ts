// The arrow from compile to publish and status. compile is a pure function of the set of objects; for the cost of one
// change not to grow with their number it is told what changed and says what changed: after any sequence of updates
// `units` and `diagnostics` are what one update with all objects would have given (property test).

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';

/** A unit and the hash of its source objects' specs, independent of the build. */
export interface CompiledUnit {
  readonly unit: AnyUnit;
  readonly inputs: string;
}

export interface CompileDelta {
  /** Units that are new or whose hash or inputs changed. */
  readonly upserts: readonly CompiledUnit[];
  readonly removes: readonly string[];
  /** Object key → its findings now (empty = none any more), for objects whose findings changed. */
  readonly diagnostics: ReadonlyMap<string, readonly Diagnostic[]>;
}
