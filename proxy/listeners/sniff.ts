// Which protocol a connection speaks, by its first bytes: HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113 3.3). A PROXY
// header and the SNI of a ClientHello get their say here too, before anything else has looked at the connection.

import { preface } from '#proxy/http2/frames.ts';

export type Protocol = 'http1' | 'http2' | 'tls' | 'unknown';

const handshakeRecord = 0x16;
const SP = 32;
const CR = 13;

/** The first word of the preface is no method of HTTP/1.1. null when more bytes are needed. `first` has at least one. */
export function sniff(first: Buffer): Protocol | null {
  if (first[0] === handshakeRecord) return 'tls';
  if (first[0] !== preface[0]) return foreign(first) ? 'unknown' : 'http1';
  const size = Math.min(first.length, preface.length);
  if (first.compare(preface, 0, size, 0, size) !== 0) return 'http1';
  return size === preface.length ? 'http2' : null;
}

/**
 * A first line of three words whose last one names no version of HTTP, such as a preface gone wrong: an answer in
 * HTTP/1.1 would not be understood (RFC 9113 3.4).
 */
function foreign(first: Buffer): boolean {
  const end = first.indexOf(CR);
  const space = first.indexOf(SP);
  if (end === -1 || space === -1 || space > end) return false;
  const version = first.indexOf(SP, space + 1) + 1;
  if (version === 0 || version > end || first.lastIndexOf(SP, end) !== version - 1) return false;
  return first.toString('latin1', version, Math.min(end, version + 5)).toLowerCase() !== 'http/';
}
