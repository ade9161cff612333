// The client's address and the forwarding headers. Easegress believes X-Forwarded-For and X-Real-Ip from anybody;
// here only from peers inside the trusted networks, and by default nobody is trusted. What an untrusted client says
// about itself is never used for a decision.

import type { Scheme } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import { CidrSet, ipVersion, sameAddress, unmapped } from '#proxy/primitives/ip.ts';

/** Nobody. */
export const noTrust: CidrSet = CidrSet.empty;

/**
 * The nearest address that no trusted peer vouches for: X-Forwarded-For read from the right, past the trusted networks,
 * else X-Real-Ip, else the peer; headers only from a trusted peer. From the right, because proxies append: what stands
 * further left is what a client may have written itself. (Easegress takes the first public address from the left.)
 * Always an address when `peer` is one.
 */
export function realIp(head: { readonly headers: HeaderList }, peer: string, trusted: CidrSet): string {
  if (trusted.size === 0 || !trusted.has(peer)) return peer;
  const { headers } = head;
  if (headers.has('x-forwarded-for'))
    return nearestUntrusted(headers.getAll('x-forwarded-for').join(','), peer, trusted);
  const stated = headers.get('x-real-ip')?.trim() ?? '';
  return ipVersion(stated) === 0 ? peer : unmapped(stated);
}

/** One step of a request's way: who handed it to us, and what for. */
export interface Hop {
  /** Address of the TCP peer. */
  readonly peer: string;
  readonly scheme: Scheme;
  /** Authority as received, with its port. */
  readonly host: string;
  readonly realIp: string;
}

export interface ForwardOptions {
  readonly xForwardedFor: boolean;
  readonly trusted: CidrSet;
}

/**
 * Writes the headers that tell upstream where the request came from. X-Forwarded-For is written when the owner asks
 * for it: set when absent, else the address is appended unless it is there already. X-Real-Ip, X-Forwarded-Proto
 * and -Host are corrected when an untrusted client sent them and otherwise left alone.
 */
export function writeForwarded(headers: HeaderList, hop: Hop, options: ForwardOptions): void {
  const isTrusted = options.trusted.size > 0 && options.trusted.has(hop.peer);
  if (options.xForwardedFor) writeForwardedFor(headers, hop.realIp, isTrusted);
  if (isTrusted) return;
  if (headers.has('x-real-ip')) headers.set('X-Real-Ip', hop.realIp);
  if (headers.has('x-forwarded-proto')) headers.set('X-Forwarded-Proto', hop.scheme);
  if (headers.has('x-forwarded-host')) headers.set('X-Forwarded-Host', hop.host);
}

function writeForwardedFor(headers: HeaderList, address: string, isTrusted: boolean): void {
  const before = headers.getAll('x-forwarded-for').join(',');
  if (before === '') {
    headers.set('X-Forwarded-For', address);
    return;
  }
  const stated = before.split(',');
  // A client that puts its own address first could write anything behind it, so for an untrusted one only the last
  // place counts, which is the one that upstreams read from the right.
  const known = isTrusted
    ? stated.some((entry) => sameAddress(entry.trim(), address))
    : sameAddress((stated.at(-1) as string).trim(), address);
  if (!known) headers.set('X-Forwarded-For', `${before},${address}`);
}

function nearestUntrusted(list: string, peer: string, trusted: CidrSet): string {
  let nearest = peer;
  let to = list.length;
  while (to >= 0) {
    const from = to === 0 ? -1 : list.lastIndexOf(',', to - 1);
    const entry = list.slice(from + 1, to).trim();
    // Nobody can say who stands beyond something that is no address.
    if (ipVersion(entry) === 0) return nearest;
    nearest = unmapped(entry);
    if (!trusted.has(nearest)) return nearest;
    to = from;
  }
  return nearest;
}
