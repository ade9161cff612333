// Which owner a listener asks for a host: exact host, then longest wildcard, then regular expression, then owners that
// claim any host; among equals the lower rank, then the older, then the smaller key. Once it is chosen, that owner's
// rules alone decide.

import type { OwnerContent } from '#proxy/contract/units.ts';
import { type CompiledHost, hostOf } from './host.ts';
import { HostIndex } from './host-index.ts';
import type { OwnerRouter } from './owner.ts';

interface Entry<T> {
  readonly owner: OwnerRouter<T>;
  readonly hosts: Map<string, CompiledHost>;
}

export class HostTable<T = unknown> {
  private readonly entries = new Map<string, Entry<T>>();
  private readonly index = new HostIndex<OwnerRouter<T>>((a, b) =>
    comparePrecedence(a.content.precedence, b.content.precedence),
  );

  /** Adds the owner, or puts it in the place of the one of that name. */
  set(owner: OwnerRouter<T>): void {
    this.remove(owner.name);
    owner.takeChanges();
    const hosts = new Map(owner.hosts().map((host) => [host.key, host]));
    for (const host of hosts.values()) this.index.add(host, owner);
    this.entries.set(owner.name, { owner, hosts });
  }

  remove(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    for (const host of entry.hosts.values()) this.index.remove(host, entry.owner);
    this.entries.delete(name);
  }

  /** After a rule of `owner` was replaced: takes over the hosts that came and went. */
  update(owner: OwnerRouter<T>): void {
    const entry = this.entries.get(owner.name);
    if (entry?.owner !== owner) {
      this.set(owner);
      return;
    }
    for (const [host, claimed] of owner.takeChanges()) {
      const known = entry.hosts.get(host.key);
      if (claimed === (known !== undefined)) continue;
      if (claimed) {
        entry.hosts.set(host.key, host);
        this.index.add(host, owner);
      } else {
        entry.hosts.delete(host.key);
        this.index.remove(host, owner);
      }
    }
  }

  /** null = nobody claims the host, or it is none. */
  choose(authority: string): OwnerRouter<T> | null {
    const host = hostOf(authority);
    return host === null ? null : this.index.best(host);
  }
}

function comparePrecedence(a: OwnerContent['precedence'], b: OwnerContent['precedence']): number {
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}
