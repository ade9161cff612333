// Hosts: how an authority becomes the text that hosts are compared with, and a table from host patterns to values in
// which a look-up costs as much as the host has labels, however many hosts there are.
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

interface Wildcard<V> {
  readonly host: CompiledHost;
  readonly values: V[];
}

/** Values by host pattern. Values of one pattern are kept in the order that `before` states. */
export class HostIndex<V> {
  private readonly compare: (a: V, b: V) => number;
  private readonly exact = new Map<string, V[]>();
  /** Wildcards whose literal part begins (ends) at a dot, which is nearly all. */
  private readonly suffixes = new Map<string, V[]>();
  private readonly prefixes = new Map<string, V[]>();
  private longestSuffix = 0;
  private longestPrefix = 0;
  /** The others (`*foo.io`), longest first. */
  private readonly odd: Wildcard<V>[] = [];
  private readonly regexps: { readonly host: CompiledHost; readonly value: V }[] = [];
  private readonly any: V[] = [];

  constructor(compare: (a: V, b: V) => number) {
    this.compare = compare;
  }

  add(host: CompiledHost, value: V): void {
    switch (host.kind) {
      case 'exact':
        insertInto(this.exact, host.value, value, this.compare);
        return;
      case 'suffix':
      case 'prefix':
        this.addWildcard(host, value);
        return;
      case 'regexp':
        insertSorted(this.regexps, { host, value }, (a, b) => this.compare(a.value, b.value));
        return;
      case 'any':
        insertSorted(this.any, value, this.compare);
        return;
      default:
        host.kind satisfies never;
    }
  }

  remove(host: CompiledHost, value: V): void {
    switch (host.kind) {
      case 'exact':
        removeFrom(this.exact, host.value, value);
        return;
      case 'suffix':
      case 'prefix':
        this.removeWildcard(host, value);
        return;
      case 'regexp': {
        const i = this.regexps.findIndex((entry) => entry.value === value && entry.host.key === host.key);
        if (i !== -1) this.regexps.splice(i, 1);
        return;
      }
      case 'any':
        removeValue(this.any, value);
        return;
      default:
        host.kind satisfies never;
    }
  }

  /** Puts every value whose pattern matches into `out`, some maybe twice, and returns how many. */
  collect(host: string, out: V[]): number {
    let n = append(this.exact.get(host), out, 0);
    if (this.suffixes.size > 0) {
      for (let dot = this.firstSuffix(host); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        n = append(this.suffixes.get(host.slice(dot)), out, n);
      }
    }
    if (this.prefixes.size > 0) {
      for (let dot = this.lastPrefix(host); dot !== -1; dot = dotBefore(host, dot)) {
        n = append(this.prefixes.get(host.slice(0, dot + 1)), out, n);
      }
    }
    for (const wildcard of this.odd) {
      if (wildcardMatches(wildcard.host, host)) n = append(wildcard.values, out, n);
    }
    for (const { host: pattern, value } of this.regexps) {
      if (pattern.regexp?.test(host) === true) out[n++] = value;
    }
    return append(this.any, out, n);
  }

  /** The first value of the most specific pattern: exact, longest wildcard, regular expression, any. */
  best(host: string): V | null {
    const exact = this.exact.get(host);
    if (exact !== undefined) return exact[0] as V;
    const wildcard = this.bestWildcard(host);
    if (wildcard !== null) return wildcard;
    for (const { host: pattern, value } of this.regexps) {
      if (pattern.regexp?.test(host) === true) return value;
    }
    return this.any[0] ?? null;
  }

  private bestWildcard(host: string): V | null {
    let best: V | null = null;
    let length = -1;
    if (this.suffixes.size > 0) {
      for (let dot = this.firstSuffix(host); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const values = this.suffixes.get(host.slice(dot));
        if (values === undefined) continue;
        best = values[0] as V;
        length = host.length - dot;
        break;
      }
    }
    if (this.prefixes.size > 0) {
      for (let dot = this.lastPrefix(host); dot !== -1; dot = dotBefore(host, dot)) {
        const value = this.prefixes.get(host.slice(0, dot + 1))?.[0];
        if (value === undefined) continue;
        if (this.isBetter(value, dot + 1, best, length)) {
          best = value;
          length = dot + 1;
        }
        break;
      }
    }
    for (const wildcard of this.odd) {
      if (wildcard.host.value.length < length) break;
      const value = wildcard.values[0] as V;
      if (!wildcardMatches(wildcard.host, host)) continue;
      if (this.isBetter(value, wildcard.host.value.length, best, length)) {
        best = value;
        length = wildcard.host.value.length;
      }
    }
    return best;
  }

  private isBetter(value: V, length: number, best: V | null, bestLength: number): boolean {
    return length > bestLength || (length === bestLength && best !== null && this.compare(value, best) < 0);
  }

  /** First dot at which a known suffix could begin: a host of many labels costs no more than the longest pattern. */
  private firstSuffix(host: string): number {
    return host.indexOf('.', Math.max(0, host.length - this.longestSuffix));
  }

  private lastPrefix(host: string): number {
    return host.lastIndexOf('.', this.longestPrefix - 1);
  }

  private addWildcard(host: CompiledHost, value: V): void {
    const { kind, value: literal } = host;
    if (kind === 'suffix' && literal.startsWith('.')) {
      insertInto(this.suffixes, literal, value, this.compare);
      this.longestSuffix = Math.max(this.longestSuffix, literal.length);
    } else if (kind === 'prefix' && literal.endsWith('.')) {
      insertInto(this.prefixes, literal, value, this.compare);
      this.longestPrefix = Math.max(this.longestPrefix, literal.length);
    } else {
      const known = this.odd.find((wildcard) => wildcard.host.key === host.key);
      if (known !== undefined) {
        insertSorted(known.values, value, this.compare);
        return;
      }
      insertSorted(this.odd, { host, values: [value] }, (a, b) => b.host.value.length - a.host.value.length);
    }
  }

  private removeWildcard(host: CompiledHost, value: V): void {
    const { kind, value: literal } = host;
    if (kind === 'suffix' && literal.startsWith('.')) {
      removeFrom(this.suffixes, literal, value);
    } else if (kind === 'prefix' && literal.endsWith('.')) {
      removeFrom(this.prefixes, literal, value);
    } else {
      const i = this.odd.findIndex((wildcard) => wildcard.host.key === host.key);
      const known = this.odd[i];
      if (known === undefined) return;
      removeValue(known.values, value);
      if (known.values.length === 0) this.odd.splice(i, 1);
    }
  }
}

function wildcardMatches(pattern: CompiledHost, host: string): boolean {
  return pattern.kind === 'suffix' ? host.endsWith(pattern.value) : host.startsWith(pattern.value);
}

function dotBefore(host: string, dot: number): number {
  return dot === 0 ? -1 : host.lastIndexOf('.', dot - 1);
}

function append<V>(values: readonly V[] | undefined, out: V[], at: number): number {
  if (values === undefined) return at;
  for (const value of values) out[at++] = value;
  return at;
}

function insertInto<V>(map: Map<string, V[]>, key: string, value: V, compare: (a: V, b: V) => number): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else insertSorted(values, value, compare);
}

function removeFrom<V>(map: Map<string, V[]>, key: string, value: V): void {
  const values = map.get(key);
  if (values === undefined) return;
  removeValue(values, value);
  if (values.length === 0) map.delete(key);
}

/** Equal values keep the order in which they came. */
function insertSorted<V>(values: V[], value: V, compare: (a: V, b: V) => number): void {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(values[middle] as V, value) <= 0) low = middle + 1;
    else high = middle;
  }
  values.splice(low, 0, value);
}

function removeValue<V>(values: V[], value: V): void {
  const i = values.indexOf(value);
  if (i !== -1) values.splice(i, 1);
}
