// The rules of one owner, ready for look-ups. The order of Easegress is kept exactly: rules in order, paths in order,
// the first that passes everything wins; only the way there is shorter.
//
//   server ipFilter ─▶ groups of rules whose hosts match ─▶ candidates by path text ─▶ the first in order that passes
//       403                                                                          └▶ none: 403, 400, 405 or 404
//
// A rule can be replaced in place at the cost of that rule. There is no route cache: Easegress's forgets conditions,
// and a look-up here is cheaper than the key of one.

import type { ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { RequestHead } from '#proxy/exchange/exchange.ts';
import type { OwnerContent } from '#proxy/contract/units.ts';
import { decodedPathOf } from '#proxy/primitives/decoded-path.ts';
import { type CompiledHost, hostOf } from './host.ts';
import { type IpFilter, compileIpFilter } from './ip-filter.ts';
import { RuleGroups } from './rule-groups.ts';
import { Search } from './search.ts';
import type { CompiledRule } from './rule.ts';
import type { RouteMatch } from './route-match.ts';

/** Shared by all owners of the thread: a look-up is synchronous, and nothing stays in it. */
const sharedSearch = new Search<unknown>();

/** Throws RouterBuildError. */
export function compileOwner<T = unknown>(
  name: string,
  content: OwnerContent,
  rules: readonly CompiledRule<T>[],
): OwnerRouter<T> {
  return new OwnerRouter(name, content, rules);
}

export class OwnerRouter<T = unknown> {
  readonly name: string;
  readonly content: OwnerContent;
  private readonly ipFilter: IpFilter | null;
  private readonly clientMaxBodySize: number;
  private readonly groups: RuleGroups<T>;
  private readonly rules: CompiledRule<T>[];
  /** Hosts of replaced rules since the host table last asked. */
  private touched: Map<string, CompiledHost> | null = null;

  constructor(name: string, content: OwnerContent, rules: readonly CompiledRule<T>[]) {
    this.name = name;
    this.content = content;
    this.ipFilter = compileIpFilter(name, 'ipFilter', content.ipFilter);
    this.clientMaxBodySize = content.clientMaxBodySize;
    this.groups = new RuleGroups(content.semantics);
    this.rules = [...rules];
    if (content.semantics === 'radix') for (const rule of rules) rule.patterns();
    for (const [index, rule] of rules.entries()) this.groups.add(index, rule);
  }

  get ruleCount(): number {
    return this.rules.length;
  }

  /** The hosts that its rules claim, some maybe twice. */
  hosts(): CompiledHost[] {
    return this.groups.hosts();
  }

  /** null = matched and `out` filled. Otherwise the cause; `out` then holds what is known. */
  route(head: RequestHead, realIp: string, out: RouteMatch<T>): ProxyErrorCode | null {
    out.owner = this;
    out.rule = null;
    out.path = null;
    out.slot = null;
    out.captures = null;
    out.rewrite = null;
    out.clientMaxBodySize = this.clientMaxBodySize;
    out.text = decodedPathOf(head.target);
    if (this.ipFilter !== null && !this.ipFilter.allows(realIp)) return 'IpDenied';
    const host = hostOf(head.authority);
    if (host === null) return 'NoRoute';

    // One search serves owners of all instance types; it forgets everything at the end of a look-up.
    const search = sharedSearch as Search<T>;
    search.begin(head, realIp, out.text);
    this.groups.search(host, search);
    return search.finish(out);
  }

  /**
   * Prepares `rule` for the place of another one; the returned function puts it there. Both cost what the two rules
   * cost. Throws RouterBuildError. After the commit the host table's update() must be called.
   */
  replaceRule(index: number, rule: CompiledRule<T>): () => void {
    if (this.rules[index] === undefined) throw new RangeError(`owner ${this.name} has no rule ${index}`);
    if (this.content.semantics === 'radix') rule.patterns();
    return () => {
      const former = this.rules[index] as CompiledRule<T>;
      this.groups.remove(index, former);
      this.rules[index] = rule;
      this.groups.add(index, rule);
      if (former.hostsKey === rule.hostsKey) return;
      this.touched ??= new Map();
      for (const host of former.hosts) this.touched.set(host.key, host);
      for (const host of rule.hosts) this.touched.set(host.key, host);
    };
  }

  /** For the host table: hosts whose claim may have changed since the last call, and whether there is one now. */
  takeChanges(): [host: CompiledHost, claimed: boolean][] {
    const { touched } = this;
    if (touched === null) return [];
    this.touched = null;
    return Array.from(touched.values(), (host) => [host, this.groups.claims(host)]);
  }
}
