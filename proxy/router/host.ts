// Hosts: how an authority becomes the text that hosts are compared with, and a stated host a pattern.
//
// Compared is lower case, without the port, without one trailing dot (RFC 3986 3.2.2: hosts are case-insensitive;
// `a.test.` is the same route as `a.test`), an IPv6 literal without its brackets.

import { type Regexp, compile } from '#proxy/primitives/regexp.ts';
import type { HostMatch } from '#proxy/contract/units.ts';

/** No DNS name is longer (RFC 1035 2.3.4); with a port a little more. Longer ones match nothing at all. */
const maxAuthority = 262;

let lastAuthority = '';
let lastHost: string | null = '';

/** null = no host of anything: too long, or an unclosed bracket. `` when the request had none. */
export function hostOf(authority: string): string | null {
  // The table of the listener and the rules of the owner ask for the same one, so remembering one halves the work.
  if (authority === lastAuthority) return lastHost;
  lastHost = normalise(authority);
  lastAuthority = authority;
  return lastHost;
}

export interface CompiledHost {
  readonly kind: HostMatch['kind'] | 'any';
  /** Literal part, lower case; the pattern for a regular expression. */
  readonly value: string;
  readonly regexp: Regexp | null;
  /** Same for equal hosts. */
  readonly key: string;
}

export const anyHost: CompiledHost = { kind: 'any', value: '', regexp: null, key: 'any' };

/** Throws RegexpError. */
export function compileHost(host: HostMatch): CompiledHost {
  const { kind } = host;
  if (kind === 'regexp') {
    // The text is lower case already, so only a pattern with capitals needs the flag.
    const pattern = host.value === host.value.toLowerCase() ? host.value : `(?i)${host.value}`;
    return { kind, value: host.value, regexp: compile(pattern), key: `regexp:${host.value}` };
  }
  let value = host.value.toLowerCase();
  if (kind === 'exact' && value.startsWith('[') && value.endsWith(']')) value = value.slice(1, -1);
  if (kind !== 'prefix' && value.endsWith('.')) value = value.slice(0, -1);
  return { kind, value, regexp: null, key: `${kind}:${value}` };
}

function normalise(authority: string): string | null {
  if (authority.length > maxAuthority) return null;
  let end = authority.length;
  let start = 0;
  if (authority.charCodeAt(0) === 0x5b) {
    end = authority.indexOf(']');
    if (end === -1) return null;
    start = 1;
  } else {
    const colon = authority.indexOf(':');
    // Several colons without brackets are no host and port: compared as a whole.
    if (colon !== -1 && authority.indexOf(':', colon + 1) === -1) end = colon;
    if (end > 1 && authority.charCodeAt(end - 1) === 0x2e) end--;
  }
  const host = start === 0 && end === authority.length ? authority : authority.slice(start, end);
  for (let i = 0; i < host.length; i++) {
    const c = host.charCodeAt(i);
    if (c >= 0x41 && c <= 0x5a) return host.toLowerCase();
  }
  return host;
}
