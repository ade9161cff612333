// Bounds of one HTTP/2 connection beside those of any connection. The defaults are the product's.

import { connectionLimits, type ConnectionLimits } from '#proxy/http1/limits.ts';

export interface Http2Limits {
  /** Requests of a client at the same time (RFC 9113 5.1.2). */
  readonly maxStreams: number;
  /** Bytes of one body, and of all bodies of a connection, that may be under way or held for a slow reader. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** CONTINUATION frames of one field block. */
  readonly maxContinuations: number;
  /** `cookie` fields of one head, which are joined into one (RFC 9113 8.2.3). */
  readonly maxCrumbs: number;
  /** Streams that a peer may have reset, or by its faults make us reset: at once, and per second in the long run. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Frames that move nothing (PING, SETTINGS, PRIORITY, empty DATA …), likewise. */
  readonly idleFrameBurst: number;
  readonly idleFramesPerSecond: number;
}

export interface StreamLimits extends ConnectionLimits {
  readonly http2: Http2Limits;
}

export const http2Limits: Http2Limits = {
  maxStreams: 100,
  streamWindow: 256 * 1024,
  connectionWindow: 1024 * 1024,
  maxContinuations: 32,
  maxCrumbs: 200,
  resetBurst: 200,
  resetsPerSecond: 33,
  idleFrameBurst: 1000,
  idleFramesPerSecond: 200,
};

export const streamLimits: StreamLimits = { ...connectionLimits, http2: http2Limits };
