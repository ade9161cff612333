// What a listener hands to the router and the pipeline, the same for all protocols: a head, a body pushed in chunks
// with back-pressure, and the answer likewise. It holds no socket, and but for its bodies it can be serialised. The
// protocol engines (http1, later http2) and the upstream pools translate between it and the wire; nothing else
// knows protocols.
//
//   client ─▶ listener ─▶ handler(exchange) ─▶ … ─▶ exchange.respond(head, body) ─▶ client
//                              │                          │ afterwards only the body can fail
//                              └── may park it: nothing happens until someone responds or aborts
//
// Rules that the contract suite holds every adapter to:
// - `handler` is called once the request head is complete; the body has not been read and may never be.
// - Exactly one of respond() and abort() is the end of the handler's part; a second call throws.
// - A body has one owner. start() is called at most once. Until then nothing flows and the connection holds back.
// - A body that is never started and not cancelled is cancelled by the adapter when the exchange is done.
// - A chunk belongs to the receiver and is never written to again by the sender; the receiver must not change it
//   either, because it may be part of a larger read.
// - After end(), error() or cancel() nothing more is delivered.

import type { ProxyError } from './error.ts';
import type { HeaderList } from './headers.ts';

export type Scheme = 'http' | 'https';

export interface RequestHead {
  method: string;
  /** Origin form (`/path?query`) byte for byte as received, or `*` for OPTIONS. Never absolute-form. */
  target: string;
  /** host[:port] from the absolute-form target or the Host field, as received; `` when HTTP/1.0 had none. */
  authority: string;
  scheme: Scheme;
  headers: HeaderList;
}

export interface ResponseHead {
  status: number;
  /** Reason phrase, only for HTTP/1.1; `` = the standard one. */
  reason: string;
  headers: HeaderList;
}

/** Receives a body. Calls come in order: chunk*, then exactly one of end and error. */
export interface BodySink {
  /** `data` is at least one byte long. To hold the sender back the sink calls pause() on the body. */
  chunk(data: Buffer): void;
  /** A clean end. `trailers` is null when there were none. */
  end(trailers: HeaderList | null): void;
  /** The body broke off: what was delivered is not the whole. */
  error(cause: ProxyError): void;
}

/** A stream of bytes with one owner. All methods are synchronous; chunks may arrive while start() is running. */
export interface Body {
  /** Declared length in bytes, or -1 when unknown (chunked, or until close). */
  readonly length: number;
  start(sink: BodySink): void;
  pause(): void;
  resume(): void;
  /** The owner wants no more of it; the sender frees what it holds. Allowed at any time, also before start(). */
  cancel(cause: ProxyError | null): void;
  /**
   * Optional on both sides. A receiver that got `data` straight from this body, has passed it to nobody else and needs
   * it no more gives it back, and the sender may use the memory again. Bodies that wrap another one do not offer it.
   */
  recycle?(data: Buffer): void;
}

export interface Peer {
  /** Address of the TCP peer, or the one that a trusted PROXY header states. IPv4-mapped IPv6 is given as IPv4. */
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Absent on a connection without TLS. */
  readonly tls?: PeerTls | undefined;
}

/** What the handshake settled. Says nothing about what the client may do: who its certificate is for is a filter's. */
export interface PeerTls {
  /** The name that the client asked for, in lower case; `` when it named none or took up a session of TLS 1.2. */
  readonly servername: string;
  /** `TLSv1.3`. */
  readonly protocol: string;
  readonly cipher: string;
  /** The client presented a certificate that the port's authority vouches for. */
  readonly authorized: boolean;
  readonly certificate: PeerCertificate | null;
}

export interface PeerCertificate {
  /** `CN=a,O=b`. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serialNumber: string;
  /** SHA-256 of the certificate, hex with colons. */
  readonly fingerprint: string;
  /** As X.509 lists it: `DNS:a.test, URI:spiffe://b`; `` = none. */
  readonly alternativeNames: string;
  readonly validTo: string;
}

/** How an exchange ended, for log and metrics. */
export interface Outcome {
  /** Status sent to the client, 0 when none was. */
  status: number;
  /** Bytes of head and body as they were on the wire. */
  bytesIn: number;
  bytesOut: number;
  /** What cut it short, or null for a clean end. */
  error: ProxyError | null;
}

export interface Exchange {
  readonly head: RequestHead;
  /** null when the request has no body. */
  readonly body: Body | null;
  /** Bytes of the client after an accepted upgrade (101). Non-null exactly for a request that asks for one. */
  readonly tunnel: Body | null;
  readonly peer: Peer;
  /** `1.0`, `1.1`, `2`. */
  readonly version: string;
  /** performance.now() when the head was complete. */
  readonly startedAt: number;

  /** Sends an interim answer (100 to 199 but 101), or drops it where the client's version has none. */
  inform(status: number, headers: HeaderList): void;
  /**
   * Sends the final answer (or 101: then `body` is the raw stream to the client and `tunnel` the one from it).
   * The adapter owns framing: it drops Connection-level fields and sets Content-Length or its own coding from
   * `body.length`. For HEAD, 204 and 304 the body is cancelled; a Content-Length in `head` is kept for HEAD and 304.
   */
  respond(head: ResponseHead, body: Body | null): void;
  /** Ends the exchange without a clean answer: the connection (or stream) is reset, never ended cleanly. */
  abort(cause: ProxyError): void;

  /** Set by the owner. The client is gone (or broke the protocol) before the exchange was done. */
  onAbort: ((cause: ProxyError) => void) | null;
  /** Set by the owner. Called once, after the last byte was handed to the kernel or the exchange was given up. */
  onDone: ((outcome: Outcome) => void) | null;
}

export type ExchangeHandler = (exchange: Exchange) => void;
