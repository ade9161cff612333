// The push protocol: one HTTP/2 stream per proxy, a sequence of messages in both directions. On the wire each is a
// 4-byte big-endian length and that many bytes of JSON; no message is over 1 MiB.
//
//   proxy                                 operator
//   hello{version}            ─────▶
//   table{entries…}           ─────▶      only after needTable: its version was not known
//                             ◀─────      welcome, then per change: delta, units…, commit
//   ack{version, rejected}    ─────▶
//                             ◀─────      live{…}  (no version, no ack)
//   report{topic, payload}    ─────▶      lossy
//   token{token}              ─────▶      before the old one expires
//                             ◀─────      goodbye{reason}: connect again (session lifetime)

import { z } from 'zod';

/** Minor: additions that an older side may ignore. Major: refused. */
export const protocolVersion = { major: 1, minor: 0 } as const;
/** Where the stream is, by POST over TLS, with `authorization: Bearer <token>`. */
export const streamPath = '/easegress.push.v1/stream';
/** Name in an operator's certificate; proxies ask for it, by whatever address they come. */
export const operatorName = 'easegress-operator';
export const maxMessageBytes = 1024 * 1024;
export const maxReportBytes = 64 * 1024;

export const wireUnit = z.object({
  kind: z.string(),
  name: z.string(),
  hash: z.string(),
  origins: z.array(z.object({ kind: z.string(), namespace: z.string(), name: z.string() })),
  /** Unknown until the proxy has checked it against the kind's schema. */
  content: z.unknown(),
});
/** A unit that has not been validated by the receiver yet. */
export type WireUnit = z.infer<typeof wireUnit>;

const diagnosticShape = z.object({
  severity: z.enum(['error', 'warning', 'info']),
  code: z.string(),
  object: z.object({ kind: z.string(), namespace: z.string(), name: z.string() }),
  path: z.string(),
  message: z.string(),
});

const rejection = z.object({ unit: z.string(), diagnostics: z.array(diagnosticShape) });
export type Rejection = z.infer<typeof rejection>;

export const toOperator = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    protocol: z.object({ major: z.number().int(), minor: z.number().int() }),
    build: z.string(),
    /** What the proxy calls itself; only for logs. Identity is what the verifier says. */
    proxy: z.string(),
    /** Version of the view it has, `` = none. */
    version: z.string(),
    /**
     * ViewVersion over its whole table, live units included, `` = not told. Equal digests mean equal tables, so that a
     * proxy which kept everything, live units too, need not send its table.
     */
    digest: z.string().default(''),
    unitKinds: z.array(z.string()),
    filterKinds: z.array(z.string()),
  }),
  /** What the proxy has: name → hash, live units included. Several messages, the last with `done`. */
  z.object({ type: z.literal('table'), entries: z.record(z.string(), z.string()), done: z.boolean() }),
  /** `rejected` is the whole list as it stands. Sent again for the same version when the list changes later. */
  z.object({ type: z.literal('ack'), version: z.string(), rejected: z.array(rejection) }),
  z.object({ type: z.literal('nack'), version: z.string(), reason: z.string() }),
  z.object({ type: z.literal('report'), topic: z.string().max(128), payload: z.unknown() }),
  z.object({ type: z.literal('token'), token: z.string() }),
]);
export type ToOperator = z.infer<typeof toOperator>;

export const toProxy = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    protocol: z.object({ major: z.number().int(), minor: z.number().int() }),
    build: z.string(),
    session: z.string(),
  }),
  z.object({ type: z.literal('needTable') }),
  /**
   * Opens a change from `base` (`` = from nothing or from the table sent) to `version`. One with many removes is opened
   * by several of the same version. A change that is not committed when another is opened is dropped.
   */
  z.object({ type: z.literal('delta'), version: z.string(), base: z.string(), removes: z.array(z.string()) }),
  z.object({ type: z.literal('units'), units: z.array(wireUnit) }),
  /** Closes it: apply everything since `delta`, then ack. */
  z.object({ type: z.literal('commit'), version: z.string() }),
  /** At any time, also inside a change. Live units come before the change that first uses them, and go after it. */
  z.object({
    type: z.literal('live'),
    seq: z.number().int(),
    upserts: z.array(wireUnit),
    removes: z.array(z.string()),
  }),
  z.object({ type: z.literal('goodbye'), reason: z.string() }),
]);
export type ToProxy = z.infer<typeof toProxy>;

/** A change as a proxy applies it, whatever source it came from. */
export interface UnitChange {
  readonly version: string;
  readonly upserts: readonly WireUnit[];
  readonly removes: readonly string[];
}

export interface LiveChange {
  readonly upserts: readonly WireUnit[];
  readonly removes: readonly string[];
}
