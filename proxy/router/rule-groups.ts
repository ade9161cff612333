// The groups of one owner's rules, found by host. With one group and one host, which most owners are, that is one
// comparison and no table.

import type { OwnerContent } from '#proxy/contract/units.ts';
import type { CompiledHost } from './host.ts';
import { HostIndex } from './host-index.ts';
import { RuleGroup } from './rule-group.ts';
import type { CompiledRule } from './rule.ts';
import type { Search } from './search.ts';

/** Filled and read within one look-up; shared because most owners need it never. */
const found: RuleGroup<unknown>[] = [];

export class RuleGroups<T> {
  private sole: RuleGroup<T> | null = null;
  private byHost: HostIndex<RuleGroup<T>> | null = null;
  /** By the key of their hosts, when there are several or one needs the table. */
  private byKey: Map<string, RuleGroup<T>> | null = null;
  private readonly semantics: OwnerContent['semantics'];

  constructor(semantics: OwnerContent['semantics']) {
    this.semantics = semantics;
  }

  search(host: string, search: Search<T>): void {
    const { sole, byHost } = this;
    if (sole !== null) {
      if (!sole.takesAny && sole.soleHost !== host) return;
      sole.search(search);
      if (search.path === null) sole.noteDenials(search);
    } else if (byHost !== null) {
      const groups = found as RuleGroup<T>[];
      const count = byHost.collect(host, groups);
      for (let i = 0; i < count; i++) (groups[i] as RuleGroup<T>).search(search);
      if (search.path !== null) return;
      for (let i = 0; i < count; i++) (groups[i] as RuleGroup<T>).noteDenials(search);
    }
  }

  add(index: number, rule: CompiledRule<T>): void {
    let group = this.groupOf(rule);
    if (group === undefined) {
      group = new RuleGroup(rule.hosts, rule.hostsKey, this.semantics);
      this.addGroup(group);
    }
    group.add(index, rule);
  }

  remove(index: number, rule: CompiledRule<T>): void {
    const group = this.groupOf(rule);
    if (group === undefined) return;
    group.remove(index, rule);
    if (!group.isEmpty) return;
    if (this.sole === group) {
      this.sole = null;
      return;
    }
    this.byKey?.delete(group.hostsKey);
    for (const host of group.hosts) this.byHost?.remove(host, group);
  }

  /** Whether some rule states that host. */
  claims(host: CompiledHost): boolean {
    if (this.sole !== null) return this.sole.hosts.some(({ key }) => key === host.key);
    return this.byHost?.has(host) === true;
  }

  /** All hosts that rules state, some maybe twice. */
  hosts(): CompiledHost[] {
    const groups = this.sole === null ? (this.byKey?.values() ?? []) : [this.sole];
    return Array.from(groups, (group) => group.hosts).flat();
  }

  private groupOf(rule: CompiledRule<T>): RuleGroup<T> | undefined {
    if (this.sole !== null) return this.sole.hostsKey === rule.hostsKey ? this.sole : undefined;
    return this.byKey?.get(rule.hostsKey);
  }

  private addGroup(group: RuleGroup<T>): void {
    if (this.sole === null && this.byKey === null && (group.takesAny || group.soleHost !== null)) {
      this.sole = group;
      return;
    }
    const former = this.sole;
    this.sole = null;
    if (former !== null) this.index(former);
    this.index(group);
  }

  private index(group: RuleGroup<T>): void {
    this.byHost ??= new HostIndex(() => 0);
    (this.byKey ??= new Map()).set(group.hostsKey, group);
    for (const host of group.hosts) this.byHost.add(host, group);
  }
}
