// Which protocol a connection speaks, by its first bytes. Today only HTTP/1.1 is served; a PROXY header, the SNI of a
// ClientHello and HTTP/2 get their say here, before anything else has looked at the connection.

export type Protocol = 'http1' | 'http2' | 'tls';

/** RFC 9113 3.4. Its first word is no method of HTTP/1.1. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const handshakeRecord = 0x16;

/** null when more bytes are needed. `first` has at least one. */
export function sniff(first: Buffer): Protocol | null {
  if (first[0] === handshakeRecord) return 'tls';
  if (first[0] !== preface[0]) return 'http1';
  const size = Math.min(first.length, preface.length);
  if (first.compare(preface, 0, size, 0, size) !== 0) return 'http1';
  return size === preface.length ? 'http2' : null;
}

/** Empty SETTINGS, then GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 6.5, 6.8, 7): what an HTTP/2 client understands. */
export const http2Refusal: Buffer = Buffer.from(
  // length, type, flags, stream; GOAWAY's last stream and code
  ['000000 04 00 00000000', '000008 07 00 00000000', '00000000 0000000d'].join('').replaceAll(' ', ''),
  'hex',
);
