// Rules, owners and host tables of one data thread, and how a change moves them: a rule is compiled alone and put into
// its owner in place, an owner is compiled over the rules it names, and the host table of its listener learns which
// hosts came and went. A rule that cannot be had stands as a closed one: its hosts stay claimed and answer 503.
//
// Prepared rules and owners are kept by name until the commit says which of them count; only then it is known whether
// an owner gets the new rule, the former one, or the closed one.

import type { WireUnit } from '#proxy/contract/messages.ts';
import { hostMatch, type OwnerContent, type RuleContent, type Unit } from '#proxy/contract/units.ts';
import type { PipelineInstance } from '#proxy/pipeline/pipeline.ts';
import { HostTable } from '#proxy/router/host-table.ts';
import { compileOwner, type OwnerRouter } from '#proxy/router/owner.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { closedRule, compileRule, type CompiledRule } from '#proxy/router/rule.ts';

type Rule = CompiledRule<PipelineInstance>;
type Router = OwnerRouter<PipelineInstance>;
export type Hosts = HostTable<PipelineInstance>;

export class Routes {
  private readonly slot: (pipelineUnit: string) => PipelineSlot<PipelineInstance>;
  private readonly rules = new Map<string, Rule>();
  private readonly owners = new Map<string, Router>();
  /** Rule → owners that name it. */
  private readonly holders = new Map<string, Set<string>>();
  /** By name of the listener's unit. */
  private readonly tables = new Map<string, Hosts>();
  private readonly stagedRules = new Map<string, Rule>();
  private readonly stagedOwners = new Map<string, Router>();
  /** Closed stand-ins of rules that are rejected, or may still be, and have no build. */
  private readonly closed = new Map<string, Rule>();

  constructor(slot: (pipelineUnit: string) => PipelineSlot<PipelineInstance>) {
    this.slot = slot;
  }

  /** Hosts of a listener; owners may come before their listener does. */
  table(listener: string): Hosts {
    let table = this.tables.get(listener);
    if (table === undefined) {
      table = new HostTable<PipelineInstance>();
      this.tables.set(listener, table);
    }
    return table;
  }

  get counts(): { readonly rules: number; readonly owners: number } {
    return { rules: this.rules.size, owners: this.owners.size };
  }

  /** Throws when it cannot be compiled. Rules come before the owners of the same change. */
  prepareRule(unit: Unit<'rule'>, semantics: OwnerContent['semantics']): void {
    this.closed.set(unit.name, closedRule(unit.name, unit.content));
    this.stagedRules.set(unit.name, compileRule(unit.name, unit.content, this.slot, semantics));
  }

  /** A rule of the change that never got to be compiled: what can be read of its hosts stays closed. */
  refuseRule(wire: WireUnit): void {
    this.closed.set(
      wire.name,
      closedRule(wire.name, { hosts: readableHosts(wire.content), ipFilter: null, paths: [] }),
    );
  }

  /** How the owners of that rule read their paths. */
  semanticsOf(rule: string, owners: ReadonlyMap<string, OwnerContent>): OwnerContent['semantics'] {
    for (const content of owners.values()) {
      if (content.semantics === 'radix' && content.rules.includes(rule)) return 'radix';
    }
    for (const name of this.holders.get(rule) ?? []) {
      if (!owners.has(name) && this.owners.get(name)?.content.semantics === 'radix') return 'radix';
    }
    return 'ordered';
  }

  /** Throws when it cannot be compiled. */
  prepareOwner(unit: Unit<'owner'>): void {
    const rules = unit.content.rules.map((name) => this.stagedRules.get(name) ?? this.current(name));
    this.stagedOwners.set(unit.name, compileOwner(unit.name, unit.content, rules));
  }

  /** `rejected` of what was prepared counts as never having come. */
  commit(removes: Iterable<string>, rejected: ReadonlySet<string>): void {
    const changed = new Set<string>();
    for (const name of removes) {
      this.removeOwner(name);
      this.closed.delete(name);
      if (this.rules.delete(name)) changed.add(name);
    }
    for (const [name, rule] of this.stagedRules) {
      if (rejected.has(name)) continue;
      this.rules.set(name, rule);
      changed.add(name);
    }
    for (const [name, router] of this.stagedOwners) {
      if (rejected.has(name)) continue;
      router.content.rules.forEach((rule, index) => {
        if (rejected.has(rule) && this.stagedRules.has(rule)) router.replaceRule(index, this.current(rule))();
      });
      this.removeOwner(name);
      this.addOwner(router);
    }
    this.replaceRules(changed, rejected);
    this.forgetStaged();
  }

  forgetStaged(): void {
    this.stagedRules.clear();
    this.stagedOwners.clear();
    for (const name of this.closed.keys()) if (this.rules.has(name)) this.closed.delete(name);
  }

  /** In owners that stay: the new build of each changed rule, or its closed stand-in. */
  private replaceRules(changed: ReadonlySet<string>, rejected: ReadonlySet<string>): void {
    const touched = new Set<Router>();
    for (const name of changed) {
      for (const owner of this.holders.get(name) ?? []) {
        if (this.stagedOwners.has(owner) && !rejected.has(owner)) continue;
        const router = this.owners.get(owner);
        if (router === undefined) continue;
        router.content.rules.forEach((rule, index) => {
          if (rule === name) router.replaceRule(index, this.current(name))();
        });
        touched.add(router);
      }
    }
    for (const router of touched) this.table(router.content.listener).update(router);
  }

  private current(name: string): Rule {
    return this.rules.get(name) ?? this.closed.get(name) ?? closedRule(name, nothingKnown);
  }

  private addOwner(router: Router): void {
    this.owners.set(router.name, router);
    this.table(router.content.listener).set(router);
    for (const rule of router.content.rules) {
      const holders = this.holders.get(rule);
      if (holders === undefined) this.holders.set(rule, new Set([router.name]));
      else holders.add(router.name);
    }
  }

  private removeOwner(name: string): void {
    const router = this.owners.get(name);
    if (router === undefined) return;
    this.owners.delete(name);
    this.table(router.content.listener).remove(name);
    for (const rule of router.content.rules) {
      const holders = this.holders.get(rule);
      holders?.delete(name);
      if (holders?.size === 0) this.holders.delete(rule);
    }
  }
}

/** Without hosts a rule claims any: nothing that an absent rule might have taken falls through to a later one. */
const nothingKnown: RuleContent = { hosts: [], ipFilter: null, paths: [] };

function readableHosts(content: unknown): RuleContent['hosts'] {
  const hosts = typeof content === 'object' && content !== null && 'hosts' in content ? content.hosts : [];
  const parsed = hostMatch.array().safeParse(hosts);
  return parsed.success ? parsed.data : [];
}
