// The upstreams of one data thread behind their slots, and the addresses that reach them: of names that main resolved
// and of live endpoints. Both change in place, at the cost of the upstreams that use them.

import { isIP } from 'node:net';
import type { EndpointsContent, UpstreamContent, Unit } from '#proxy/contract/units.ts';
import { UpstreamSlot } from '#proxy/upstream/slot.ts';
import { createUpstream, type UpstreamInstance, type UpstreamKit } from '#proxy/upstream/upstream-instance.ts';
import { References } from './references.ts';
import type { Staged } from './staged.ts';
import type { ResolvedNames } from './thread-messages.ts';

export class Upstreams {
  readonly slots = new References((name) => new UpstreamSlot(name));
  private readonly kit: UpstreamKit;
  private readonly endpoints = new Map<string, EndpointsContent>();
  private readonly contents = new Map<string, UpstreamContent>();
  /** Name in a server URL, or unit of endpoints → upstreams that use it. */
  private readonly users = new Map<string, Set<string>>();

  /** What main told of names since the change began that is being prepared. */
  private news: Record<string, readonly string[]> = {};

  constructor(kit: UpstreamKit) {
    this.kit = kit;
  }

  begin(): void {
    this.news = {};
  }

  /** Throws when it cannot be built. */
  prepare(unit: Unit<'upstream'>, resolved: ResolvedNames): Staged {
    const { name, content } = unit;
    const instance = createUpstream(name, content, this.kit);
    instance.setResolved(resolved);
    return {
      commit: () => {
        const slot = this.slots.slot(name);
        const previous = slot.current;
        instance.setResolved(this.news);
        if (content.endpoints !== null) instance.setEndpoints(this.endpoints.get(content.endpoints) ?? null);
        if (previous !== null) instance.inherit(previous);
        slot.current = instance;
        previous?.dispose();
        this.forgetUses(name);
        this.contents.set(name, content);
        for (const used of uses(content)) {
          const users = this.users.get(used);
          if (users === undefined) this.users.set(used, new Set([name]));
          else users.add(name);
        }
      },
      discard: () => instance.dispose(),
    };
  }

  remove(name: string): void {
    const slot = this.slots.find(name);
    if (slot === null || slot.current === null) return;
    slot.current.dispose();
    slot.current = null;
    this.forgetUses(name);
  }

  /** null = the unit is gone. */
  setEndpoints(name: string, content: EndpointsContent | null): void {
    if (content === null) this.endpoints.delete(name);
    else this.endpoints.set(name, content);
    for (const user of this.instancesOf(name)) user.setEndpoints(content);
  }

  setResolved(names: ResolvedNames): void {
    Object.assign(this.news, names);
    const touched = new Set<UpstreamInstance>();
    for (const name of Object.keys(names)) for (const user of this.instancesOf(`name ${name}`)) touched.add(user);
    for (const user of touched) user.setResolved(names);
  }

  dispose(): void {
    for (const name of this.contents.keys()) this.remove(name);
  }

  private *instancesOf(used: string): Generator<UpstreamInstance> {
    for (const name of this.users.get(used) ?? []) {
      const instance = this.slots.find(name)?.current;
      if (instance !== null && instance !== undefined) yield instance;
    }
  }

  private forgetUses(name: string): void {
    const content = this.contents.get(name);
    if (content === undefined) return;
    this.contents.delete(name);
    for (const used of uses(content)) {
      const users = this.users.get(used);
      users?.delete(name);
      if (users?.size === 0) this.users.delete(used);
    }
  }
}

function uses(content: UpstreamContent): Set<string> {
  const names = new Set<string>();
  for (const { host } of content.servers) if (isIP(host) === 0) names.add(`name ${host}`);
  if (content.endpoints !== null) names.add(content.endpoints);
  return names;
}
