// The arrow from a source to the store. Level, not edge: an event only says what an object looks like now.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { ObjectKey, RawObject } from '#operator/resources/object.ts';

export type ObjectEvent =
  | { type: 'upsert'; object: RawObject }
  | { type: 'delete'; key: ObjectKey }
  /** Everything that exists at the start has been told. Comes exactly once. */
  | { type: 'synced' }
  /** Findings about what could not become an object; replaces all earlier findings of that place (a file). */
  | { type: 'diagnostics'; place: string; diagnostics: readonly Diagnostic[] };

export interface ObjectSource extends AsyncDisposable {
  /** Starts telling. Events of one batch are told in one call. Resolves once `synced` was told. */
  start(listener: (events: readonly ObjectEvent[]) => void): Promise<void>;
}
