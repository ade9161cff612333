// What publish tells status about the fleet. Publish builds an AckState from its sessions (the maps may be its own,
// status only reads them during the call) and names the units for which an answer changed, so that one ack costs
// the objects of those units:
//
//   status.update({ acks, acked: unit names of an ack })         a session applied or rejected these
//   status.update({ acks, acked: 'all' })                        a session joined, left, was quarantined or came back

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';

export interface SessionAcks {
  readonly id: string;
  /** Verified name of the proxy. */
  readonly proxy: string;
  /** Has not answered within 10 s: not counted until its next ack. Publish keeps that clock. */
  readonly quarantined: boolean;
  /** Whether the view that the session is meant to have contains the unit. */
  readonly holds: (unit: string) => boolean;
  /** Hash of the unit that the proxy has said it runs; undefined = none yet. */
  readonly applied: (unit: string) => string | undefined;
  /** Units of its last ack that it refused. Such a unit may still run in an older build. */
  readonly rejected: ReadonlyMap<string, readonly Diagnostic[]>;
}

export interface AckState {
  readonly sessions: readonly SessionAcks[];
}

export const noAcks: AckState = { sessions: [] };
