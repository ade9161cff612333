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
  /** That of the change, or of a newer one that came meanwhile and was applied with it. */
  readonly version: string;
  /** All rejections as they stand, also of earlier changes. */
  readonly rejected: readonly Rejection[];
}

export interface UnitSink {
  /**
   * Resolves once every data thread serves the change. A rejected unit kept its previous build. An empty change
   * counts: it tells that the proxy has what the operator has, which makes it ready.
   */
  apply(change: UnitChange): Promise<ApplyResult>;
  live(change: LiveChange): void;
  /** Set by the source. Called when the verdict on the version applied last changes later: a port that became free. */
  onVerdict: ((result: ApplyResult) => void) | null;
  table(): UnitTable;
}

export interface UnitSource extends AsyncDisposable {
  /** Begins, and resolves at once: that no operator answers is no error. */
  start(sink: UnitSink): Promise<void>;
}

/** What pages and metrics may ask of a push stream. */
export interface StreamStatus {
  readonly connected: boolean;
  /** `host:port` of the last operator that answered, `` = none yet. */
  readonly operator: string;
  readonly attempts: number;
  readonly lastError: string;
}
