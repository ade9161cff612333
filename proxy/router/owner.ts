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
import { type CompiledHost, HostIndex, hostOf } from './host.ts';
import { type IpFilter, compileIpFilter } from './ip-filter.ts';
import { RuleGroup } from './rule-group.ts';
import { Search } from './search.ts';
import type { CompiledRule } from './rule.ts';
import { decodedPathOf } from './request-path.ts';
import type { RouteMatch } from './route-match.ts';

interface Claim {
  readonly host: CompiledHost;
  /** Rules that state it. */
  count: number;
}

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
  private readonly rules: CompiledRule<T>[];
  private readonly groups = new Map<string, RuleGroup<T>>();
  private readonly byHost = new HostIndex<RuleGroup<T>>(() => 0);
  private readonly matching: RuleGroup<T>[] = [];
  private readonly claims = new Map<string, Claim>();
  /** Claims that came or went since the host table last asked. */
  private changed = new Map<string, CompiledHost>();

  constructor(name: string, content: OwnerContent, rules: readonly CompiledRule<T>[]) {
    this.name = name;
    this.content = content;
    this.ipFilter = compileIpFilter(name, 'ipFilter', content.ipFilter);
    this.rules = [...rules];
    if (content.semantics === 'radix') for (const rule of rules) rule.patterns();
    for (const [index, rule] of rules.entries()) this.insert(index, rule);
  }

  get ruleCount(): number {
    return this.rules.length;
  }

  /** The hosts that its rules claim. */
  hosts(): CompiledHost[] {
    return Array.from(this.claims.values(), (claim) => claim.host);
  }

  /** null = matched and `out` filled. Otherwise the cause; `out` then holds what is known. */
  route(head: RequestHead, realIp: string, out: RouteMatch<T>): ProxyErrorCode | null {
    out.owner = this;
    out.rule = null;
    out.path = null;
    out.slot = null;
    out.captures = null;
    out.rewrite = null;
    out.clientMaxBodySize = this.content.clientMaxBodySize;
    out.text = decodedPathOf(head.target);
    if (this.ipFilter !== null && !this.ipFilter.allows(realIp)) return 'IpDenied';
    const host = hostOf(head.authority);
    if (host === null) return 'NoRoute';

    // One search serves owners of all instance types; it forgets everything at the end of a look-up.
    const search = sharedSearch as Search<T>;
    search.begin(head, realIp, out.text);
    const count = this.byHost.collect(host, this.matching);
    for (let i = 0; i < count; i++) (this.matching[i] as RuleGroup<T>).search(search);
    if (search.path === null) {
      for (let i = 0; i < count; i++) (this.matching[i] as RuleGroup<T>).noteDenials(search);
    }
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
      this.remove(index, this.rules[index] as CompiledRule<T>);
      this.rules[index] = rule;
      this.insert(index, rule);
    };
  }

  /** For the host table: claims that changed since the last call, and whether each is made now. */
  takeChanges(): [host: CompiledHost, claimed: boolean][] {
    if (this.changed.size === 0) return [];
    const changes = Array.from(this.changed.values(), (host): [CompiledHost, boolean] => [
      host,
      this.claims.has(host.key),
    ]);
    this.changed = new Map();
    return changes;
  }

  private insert(index: number, rule: CompiledRule<T>): void {
    let group = this.groups.get(rule.hostsKey);
    if (group === undefined) {
      group = new RuleGroup(rule.hosts, this.content.semantics);
      this.groups.set(rule.hostsKey, group);
      for (const host of rule.hosts) this.byHost.add(host, group);
    }
    group.add(index, rule);
    for (const host of rule.hosts) {
      const claim = this.claims.get(host.key);
      if (claim !== undefined) {
        claim.count++;
        continue;
      }
      this.claims.set(host.key, { host, count: 1 });
      this.changed.set(host.key, host);
    }
  }

  private remove(index: number, rule: CompiledRule<T>): void {
    const group = this.groups.get(rule.hostsKey);
    if (group === undefined) return;
    group.remove(index, rule);
    if (group.isEmpty) {
      this.groups.delete(rule.hostsKey);
      for (const host of group.hosts) this.byHost.remove(host, group);
    }
    for (const host of rule.hosts) {
      const claim = this.claims.get(host.key);
      if (claim === undefined || --claim.count > 0) continue;
      this.claims.delete(host.key);
      this.changed.set(host.key, host);
    }
  }
}
