// A table from host patterns to values in which a look-up costs as much as the host has labels, however many hosts
// there are. The listener's table uses it to choose an owner, an owner to find its rules.

import type { CompiledHost } from './host.ts';
import {
  type Compare,
  type Listed,
  OrderedList,
  addAt,
  firstOf,
  removeAt,
  withValue,
  withoutValue,
} from './ordered-list.ts';

/** A pattern that has to be tried. */
interface Pattern<V extends object> {
  readonly host: CompiledHost;
  values: Listed<V>;
}

type Lists<V extends object> = Map<string, Listed<V>>;

/** Values of one pattern are kept in the order that `compare` states. */
export class HostIndex<V extends object> {
  private readonly compare: Compare<V>;
  private readonly exact: Lists<V> = new Map();
  /** Wildcards whose literal part begins (ends) at a dot, which is nearly all. */
  private readonly suffixes: Lists<V> = new Map();
  private readonly prefixes: Lists<V> = new Map();
  private longestSuffix = 0;
  private longestPrefix = 0;
  /** The others (`*foo.io`), longest first. */
  private readonly odd: Pattern<V>[] = [];
  private readonly regexps = new Map<string, Pattern<V>>();
  private any: Listed<V> | null = null;

  constructor(compare: Compare<V>) {
    this.compare = compare;
  }

  add(host: CompiledHost, value: V): void {
    const lists = this.listsOf(host);
    if (lists !== null) {
      addAt(lists, host.value, value, this.compare);
      if (host.kind === 'suffix') this.longestSuffix = Math.max(this.longestSuffix, host.value.length);
      if (host.kind === 'prefix') this.longestPrefix = Math.max(this.longestPrefix, host.value.length);
    } else if (host.kind === 'any') {
      this.any = withValue(this.any, value, this.compare);
    } else {
      this.addTried(host, value);
    }
  }

  remove(host: CompiledHost, value: V): void {
    const lists = this.listsOf(host);
    if (lists !== null) {
      removeAt(lists, host.value, value);
      return;
    }
    if (host.kind === 'any') {
      if (this.any !== null) this.any = withoutValue(this.any, value);
      return;
    }
    const pattern = this.triedOf(host);
    if (pattern === undefined) return;
    const left = withoutValue(pattern.values, value);
    if (left !== null) pattern.values = left;
    else if (host.kind === 'regexp') this.regexps.delete(host.key);
    else this.odd.splice(this.odd.indexOf(pattern), 1);
  }

  has(host: CompiledHost): boolean {
    const lists = this.listsOf(host);
    if (lists !== null) return lists.has(host.value);
    return host.kind === 'any' ? this.any !== null : this.triedOf(host) !== undefined;
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
    for (const pattern of this.odd) {
      if (wildcardMatches(pattern.host, host)) n = append(pattern.values, out, n);
    }
    if (this.regexps.size > 0) {
      for (const pattern of this.regexps.values()) {
        if (pattern.host.regexp?.test(host) === true) n = append(pattern.values, out, n);
      }
    }
    return this.any === null ? n : append(this.any, out, n);
  }

  /** The first value of the most specific pattern: exact, longest wildcard, regular expression, any. */
  best(host: string): V | null {
    const exact = this.exact.get(host);
    if (exact !== undefined) return firstOf(exact);
    return this.bestWildcard(host) ?? this.bestRegexp(host) ?? (this.any === null ? null : firstOf(this.any));
  }

  private bestWildcard(host: string): V | null {
    let best: V | null = null;
    let length = 0;
    if (this.suffixes.size > 0) {
      for (let dot = this.firstSuffix(host); dot !== -1 && best === null; dot = host.indexOf('.', dot + 1)) {
        const values = this.suffixes.get(host.slice(dot));
        if (values === undefined) continue;
        best = firstOf(values);
        length = host.length - dot;
      }
    }
    if (this.prefixes.size > 0) {
      for (let dot = this.lastPrefix(host); dot !== -1; dot = dotBefore(host, dot)) {
        const values = this.prefixes.get(host.slice(0, dot + 1));
        if (values === undefined) continue;
        const found = firstOf(values);
        if (best === null || dot + 1 > length || (dot + 1 === length && this.compare(found, best) < 0)) {
          best = found;
          length = dot + 1;
        }
        break;
      }
    }
    for (const { host: pattern, values } of this.odd) {
      if (best !== null && pattern.value.length < length) break;
      if (!wildcardMatches(pattern, host)) continue;
      if (best === null || pattern.value.length > length || this.compare(firstOf(values), best) < 0) {
        best = firstOf(values);
        length = pattern.value.length;
      }
    }
    return best;
  }

  /** Of several expressions that match, the one whose value comes first. */
  private bestRegexp(host: string): V | null {
    let best: V | null = null;
    if (this.regexps.size === 0) return null;
    for (const { host: pattern, values } of this.regexps.values()) {
      const first = firstOf(values);
      if (best !== null && this.compare(first, best) >= 0) continue;
      if (pattern.regexp?.test(host) === true) best = first;
    }
    return best;
  }

  /** First dot at which a known suffix could begin: a host of many labels costs no more than the longest pattern. */
  private firstSuffix(host: string): number {
    return host.indexOf('.', Math.max(0, host.length - this.longestSuffix));
  }

  private lastPrefix(host: string): number {
    return host.lastIndexOf('.', this.longestPrefix - 1);
  }

  /** The map that a pattern is looked up in, or null when it has to be tried. */
  private listsOf(host: CompiledHost): Lists<V> | null {
    if (host.kind === 'exact') return this.exact;
    if (host.kind === 'suffix' && host.value.startsWith('.')) return this.suffixes;
    return host.kind === 'prefix' && host.value.endsWith('.') ? this.prefixes : null;
  }

  private triedOf(host: CompiledHost): Pattern<V> | undefined {
    if (host.kind === 'regexp') return this.regexps.get(host.key);
    return this.odd.find((pattern) => pattern.host.key === host.key);
  }

  private addTried(host: CompiledHost, value: V): void {
    const known = this.triedOf(host);
    if (known !== undefined) {
      known.values = withValue(known.values, value, this.compare);
    } else if (host.kind === 'regexp') {
      this.regexps.set(host.key, { host, values: value });
    } else {
      const shorter = this.odd.findIndex((other) => other.host.value.length < host.value.length);
      this.odd.splice(shorter === -1 ? this.odd.length : shorter, 0, { host, values: value });
    }
  }
}

function wildcardMatches(pattern: CompiledHost, host: string): boolean {
  return pattern.kind === 'suffix' ? host.endsWith(pattern.value) : host.startsWith(pattern.value);
}

function dotBefore(host: string, dot: number): number {
  return dot === 0 ? -1 : host.lastIndexOf('.', dot - 1);
}

function append<V extends object>(values: Listed<V> | undefined, out: V[], at: number): number {
  if (values === undefined) return at;
  if (values instanceof OrderedList) for (const value of values.values) out[at++] = value;
  else out[at++] = values;
  return at;
}
