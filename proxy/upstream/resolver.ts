// Names of static servers → addresses, in the main thread, so that no data thread ever waits for DNS and all threads
// agree. A name is looked up when it comes into use and every ten seconds from then on; what was found last stays
// good while DNS fails. Changes are told, repetitions are not.

import { isIP } from 'node:net';
import type { UpstreamContent } from '#proxy/contract/units.ts';

export type Addresses = Readonly<Record<string, readonly string[]>>;

export interface ResolverOptions {
  /** All addresses of a name, in the system's order of preference; rejects when it does not resolve. */
  readonly lookup: (name: string) => Promise<readonly string[]>;
  readonly timer: (ms: number, fn: () => void) => () => void;
  /** Told the names whose addresses changed, after the first look-up too. */
  readonly changed: (names: Addresses) => void;
  readonly intervalMs?: number;
  readonly concurrency?: number;
}

export interface Resolver {
  /** Exactly these names are in use from now on. Resolves when each has been looked up at least once. */
  use(names: Iterable<string>): Promise<Addresses>;
  /** What is known of the names in use; an empty list = does not resolve. */
  current(): Addresses;
  dispose(): void;
}

/** Names in the server URLs of an upstream; address literals need no resolving. */
export function namesOf(content: UpstreamContent): string[] {
  return content.servers.flatMap((server) => (isIP(server.host) === 0 ? [server.host] : []));
}

export function createResolver(options: ResolverOptions): Resolver {
  return new NameResolver(options);
}

class NameResolver implements Resolver {
  private readonly options: ResolverOptions;
  private readonly interval: number;
  private readonly concurrency: number;
  /** Null = not looked up yet. */
  private readonly names = new Map<string, readonly string[] | null>();
  private readonly queue = new Set<string>();
  private running = 0;
  private waiting: (() => void)[] = [];
  private cancelTimer: (() => void) | null = null;
  private disposed = false;

  constructor(options: ResolverOptions) {
    this.options = options;
    this.interval = options.intervalMs ?? 10_000;
    this.concurrency = options.concurrency ?? 8;
  }

  async use(names: Iterable<string>): Promise<Addresses> {
    const wanted = new Set(names);
    for (const name of this.names.keys()) {
      if (wanted.has(name)) continue;
      this.names.delete(name);
      this.queue.delete(name);
    }
    for (const name of wanted) {
      if (this.names.has(name)) continue;
      this.names.set(name, null);
      this.queue.add(name);
    }
    this.pump();
    this.arm();
    while (!this.disposed && [...wanted].some((name) => this.names.get(name) === null)) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    return this.current();
  }

  current(): Addresses {
    return Object.fromEntries([...this.names].map(([name, addresses]) => [name, addresses ?? []]));
  }

  dispose(): void {
    this.disposed = true;
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.queue.clear();
    this.wake();
  }

  private arm(): void {
    if (this.cancelTimer !== null || this.disposed || this.names.size === 0) return;
    this.cancelTimer = this.options.timer(this.interval, () => {
      this.cancelTimer = null;
      // Whatever is still queued from the round before simply stays queued once.
      for (const name of this.names.keys()) this.queue.add(name);
      this.pump();
      this.arm();
    });
  }

  private pump(): void {
    for (const name of this.queue) {
      if (this.running >= this.concurrency) return;
      this.queue.delete(name);
      this.running++;
      void this.lookUp(name);
    }
  }

  private async lookUp(name: string): Promise<void> {
    let found: readonly string[] | null;
    try {
      found = await this.options.lookup(name);
    } catch {
      // Not resolving is an answer, not a fault of ours: the last good addresses stay.
      found = null;
    }
    this.running--;
    if (this.disposed) return;
    const known = this.names.get(name);
    if (known !== undefined) this.learn(name, known, found);
    this.pump();
    this.wake();
  }

  private learn(name: string, known: readonly string[] | null, found: readonly string[] | null): void {
    const addresses = found !== null && found.length > 0 ? found : (known ?? []);
    if (known !== null && sameSet(known, addresses)) return;
    this.names.set(name, addresses);
    this.options.changed({ [name]: addresses });
  }

  private wake(): void {
    const woken = this.waiting;
    this.waiting = [];
    for (const wake of woken) wake();
  }
}

/** DNS servers rotate their answers; another order is no change. */
function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((address) => b.includes(address));
}
