// The client's address. Easegress believes X-Forwarded-For and X-Real-Ip from anybody;
// here only from peers inside the trusted networks, and by default nobody is trusted. What an untrusted client says
// about itself is never used for a decision.

import type { HeaderList } from '#proxy/exchange/headers.ts';
import { CidrSet, ipVersion, unmapped } from '#proxy/primitives/ip.ts';

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
