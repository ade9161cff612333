// What is told upstream about where a request came from: X-Forwarded-For, -Proto, -Host, and Forwarded (RFC 7239) with
// the same facts. They are always written. What a peer says about itself or others stays only when the peer is trusted
// (it is then added to); of anybody else every field of this kind goes, also those that nobody writes here: an upstream
// that believes them believes the gateway.

import type { Scheme } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import { type CidrSet, ipVersion } from '#proxy/primitives/ip.ts';

/** One step of a request's way: who handed it to us, and what for. */
export interface Hop {
  /** Address of the TCP peer. */
  readonly peer: string;
  readonly scheme: Scheme;
  /** Authority as received, with its port; `` when there was none. */
  readonly host: string;
}

export function writeForwarded(headers: HeaderList, hop: Hop, trusted: CidrSet): void {
  if (trusted.size > 0 && trusted.has(hop.peer)) addTo(headers, hop);
  else replace(headers, hop);
}

function replace(headers: HeaderList, hop: Hop): void {
  dropStated(headers);
  const { names, values } = headers;
  names.push('X-Forwarded-For', 'X-Forwarded-Proto');
  values.push(hop.peer, hop.scheme);
  if (hop.host !== '') {
    names.push('X-Forwarded-Host');
    values.push(hop.host);
  }
  names.push('Forwarded');
  values.push(element(hop));
}

/** The chain that a trusted peer states, and the peer. */
function addTo(headers: HeaderList, hop: Hop): void {
  const chain = headers.getAll('x-forwarded-for').join(', ');
  const stated = headers.getAll('forwarded').join(', ');
  headers.set('X-Forwarded-For', chain === '' ? hop.peer : `${chain}, ${hop.peer}`);
  if (!headers.has('x-forwarded-proto')) headers.append('X-Forwarded-Proto', hop.scheme);
  if (hop.host !== '' && !headers.has('x-forwarded-host')) headers.append('X-Forwarded-Host', hop.host);
  const before = stated === '' ? elementsOf(chain) : stated;
  headers.set('Forwarded', before === '' ? element(hop) : `${before}, ${element(hop)}`);
}

/** One forwarded-element (RFC 7239 4). */
function element({ peer, scheme, host }: Hop): string {
  const start = `for=${node(peer)};proto=${scheme}`;
  return host === '' ? start : `${start};host=${isToken(host) ? host : `"${host}"`}`;
}

/** X-Forwarded-For in the words of Forwarded (RFC 7239 7.4): addresses only, others are unknown. */
function elementsOf(chain: string): string {
  if (chain === '') return '';
  return chain
    .split(',')
    .map((entry) => `for=${node(entry.trim())}`)
    .join(', ');
}

/** An IPv6 address stands in brackets, and these in quotes (RFC 7239 6). */
function node(address: string): string {
  if (ipVersion(address) === 0) return 'unknown';
  return address.includes(':') ? `"[${address}]"` : address;
}

/** An authority has no character that a quoted string would have to escape; most have none that needs the quotes. */
function isToken(host: string): boolean {
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i);
    const fine = (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x2d;
    if (!fine && (c < 0x41 || c > 0x5a)) return false;
  }
  return true;
}

function dropStated(headers: HeaderList): void {
  const { names, values } = headers;
  let to = 0;
  for (let from = 0; from < names.length; from++) {
    const name = names[from] as string;
    if (statesOrigin(name)) continue;
    if (to !== from) {
      names[to] = name;
      values[to] = values[from] as string;
    }
    to++;
  }
  if (to === names.length) return;
  names.length = to;
  values.length = to;
}

/** Forwarded, X-Real-Ip, and whatever begins with `X-Forwarded-`. */
function statesOrigin(name: string): boolean {
  const { length } = name;
  if (length === 9) {
    const first = name.charCodeAt(0) | 0x20;
    if (first !== 0x66 && first !== 0x78) return false;
    const lower = name.toLowerCase();
    return lower === 'forwarded' || lower === 'x-real-ip';
  }
  return length > 12 && (name.charCodeAt(0) | 0x20) === 0x78 && name.slice(0, 12).toLowerCase() === 'x-forwarded-';
}
