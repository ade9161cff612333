// Where a proxy's units come from while it runs: the push stream of an operator, or the operator in the same process.
// A source calls apply() for one change at a time and live() whenever it likes; the sink is the runtime.

import type { LiveChange, Rejection, UnitChange } from '#proxy/contract/messages.ts';

export interface UnitTable {
  /** Version of the view that was applied last, `` = none. */
  readonly version: string;
  /** name → hash of every unit the proxy has, live ones included. */
  readonly entries: Readonly<Record<string, string>>;
}

export interface ApplyResult {
  readonly version: string;
  readonly rejected: readonly Rejection[];
}

export interface UnitSink {
  /**
   * Resolves once every data thread serves the change. A unit in `rejected` kept its previous build. An empty change
   * counts: it tells that the proxy has what the operator has, which makes it ready.
   */
  apply(change: UnitChange): Promise<ApplyResult>;
  live(change: LiveChange): void;
  table(): UnitTable;
}

export interface UnitSource extends AsyncDisposable {
  /** Begins, and resolves at once: that no operator answers is no error. */
  start(sink: UnitSink): Promise<void>;
}
