// The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): what a trusted peer says about the client that
// it relays, in front of everything else. It reads bytes and decides nothing: who is trusted is the listener's part.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { unmapped } from '#proxy/primitives/ip.ts';

export interface Relayed {
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** Bytes of it. */
  readonly size: number;
  /** null = the peer speaks for itself (LOCAL), or for somebody unknown. */
  readonly relayed: Relayed | null;
}

const maxLine = 107;
const maxBlock = 4096;
const prefix = Buffer.from('PROXY ', 'latin1');
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedSize = 16;
const CR = 13;
const LF = 10;

/** null when more bytes are needed. `first` has at least one. */
export function readProxyHeader(first: Buffer): ProxyHeader | 'malformed' | null {
  if (first[0] === signature[0]) return startsLike(first, signature) ? readBlock(first) : 'malformed';
  return startsLike(first, prefix) ? readLine(first) : 'malformed';
}

function startsLike(first: Buffer, expected: Buffer): boolean {
  const size = Math.min(first.length, expected.length);
  return first.compare(expected, 0, size, 0, size) === 0;
}

// ── version 1: one line ──

function readLine(first: Buffer): ProxyHeader | 'malformed' | null {
  const end = first.subarray(0, maxLine).indexOf(CR);
  // The last byte of the longest line is LF.
  if (end === -1 || end + 1 >= maxLine) return first.length < maxLine ? null : 'malformed';
  if (end + 1 === first.length) return null;
  if (first[end + 1] !== LF) return 'malformed';
  const size = end + 2;
  const [, family, source = '', destination = '', from = '', to = '', ...more] = first
    .toString('latin1', 0, end)
    .split(' ');
  // What stands behind it is to be ignored.
  if (family === 'UNKNOWN') return { size, relayed: null };
  if (more.length > 0 || !isPort(from) || !isPort(to)) return 'malformed';
  if (family === 'TCP4') {
    if (!isIPv4(source) || !isIPv4(destination)) return 'malformed';
    return { size, relayed: { address: source, port: Number(from) } };
  }
  if (family !== 'TCP6' || !isPlainIPv6(source) || !isPlainIPv6(destination)) return 'malformed';
  return { size, relayed: { address: canonical(source), port: Number(from) } };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function canonical(address: string): string {
  return unmapped(new SocketAddress({ address, family: 'ipv6' }).address);
}

// ── version 2: 16 bytes, addresses, TLVs ──

const version2 = 2;
const command = { local: 0, proxy: 1 } as const;
/** Family in the high four bits, kind of transport in the low ones. */
const transport = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21, unixStream: 0x31 } as const;

function readBlock(first: Buffer): ProxyHeader | 'malformed' | null {
  if (first.length < fixedSize) return null;
  const verb = first[12] as number;
  const family = first[13] as number;
  const size = fixedSize + first.readUInt16BE(14);
  const asked = verb & 15;
  if (verb >>> 4 !== version2 || asked > command.proxy || size > maxBlock) return 'malformed';
  if (first.length < size) return null;
  // The balancer's own check of our health: whatever it adds is to be skipped.
  if (asked === command.local) return { size, relayed: null };
  switch (family) {
    case transport.unspecified:
      return { size, relayed: null };
    case transport.tcp4:
      return relayedOf(first, size, 4);
    case transport.tcp6:
      return relayedOf(first, size, 16);
    case transport.unixStream:
      return areValues(first, fixedSize + 216, size) ? { size, relayed: null } : 'malformed';
    default:
      return 'malformed';
  }
}

/** Source, destination, and a port of each. */
function relayedOf(first: Buffer, size: number, length: 4 | 16): ProxyHeader | 'malformed' {
  const ports = fixedSize + 2 * length;
  if (!areValues(first, ports + 4, size)) return 'malformed';
  const source = first.subarray(fixedSize, fixedSize + length);
  const address = length === 4 ? source.join('.') : canonical(source.toString('hex').replace(/(.{4})(?!$)/g, '$1:'));
  return { size, relayed: { address, port: first.readUInt16BE(ports) } };
}

/** TLVs fill what is left to the byte; none of them is of use here. */
function areValues(first: Buffer, from: number, size: number): boolean {
  let at = from;
  while (at + 3 <= size) at += 3 + first.readUInt16BE(at + 1);
  return at === size;
}
