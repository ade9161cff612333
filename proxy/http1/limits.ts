// Bounds of one HTTP/1.1 connection. The defaults are the product's; whoever opens a listener or a pool may narrow or
// widen them.

export interface ParserLimits {
  /** Bytes of first line and fields, and separately of a trailer section. */
  readonly maxHeaderBytes: number;
  /** Fields of a head, and separately of a trailer section. */
  readonly maxFields: number;
  readonly maxTargetBytes: number;
}

export interface ConnectionLimits extends ParserLimits {
  /** Milliseconds from the first byte of a request until its head is complete. */
  readonly headerTimeout: number;
  /** Milliseconds without a byte of a request body while somebody waits for one. */
  readonly bodyTimeout: number;
  /** Milliseconds that a client which has ended its side gets to see its answer begin; nearly always it has left. */
  readonly halfCloseTimeout: number;
  /** Milliseconds in which a client takes nothing of what is to be written. */
  readonly writeTimeout: number;
  /** A request body that nobody wants is read and thrown away up to this many bytes and milliseconds. */
  readonly lingerBytes: number;
  readonly lingerTimeout: number;
  /** Bytes written but not taken by the client at which a source is paused. */
  readonly maxBuffered: number;
  /** Connections over `maxConnections` that wait, unread, for a place. */
  readonly maxWaiting: number;
}

export const parserLimits: ParserLimits = { maxHeaderBytes: 64 * 1024, maxFields: 100, maxTargetBytes: 16 * 1024 };

export const connectionLimits: ConnectionLimits = {
  ...parserLimits,
  headerTimeout: 15_000,
  bodyTimeout: 60_000,
  halfCloseTimeout: 10_000,
  writeTimeout: 60_000,
  lingerBytes: 64 * 1024,
  lingerTimeout: 1000,
  maxBuffered: 64 * 1024,
  maxWaiting: 1024,
};
