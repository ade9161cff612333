// Which certificate of a listener a name gets: one that states the name, else one with a wildcard of one label in its
// place (RFC 9525 6.3), else none, and then the listener's default one is served. Of several, that of the owner who
// answers for the host comes first, so that nobody takes a name from its owner by a certificate; then order decides.
// Two look-ups in a map, however many certificates there are. The runtime keeps it in step with owners and certificates.

/** Who uses a certificate on the listener, and its place among those with the same name. */
interface Use {
  readonly certificate: string;
  readonly owner: string;
  /** Text. */
  readonly order: string;
}

export class SniTable {
  private readonly ownerOf: (host: string) => string | null;
  private readonly exact = new Map<string, Use[]>();
  /** `.a.io` for `*.a.io`. */
  private readonly wildcard = new Map<string, Use[]>();

  /** `ownerOf` answers who has a host, to settle which of several certificates is served. */
  constructor(ownerOf: (host: string) => string | null) {
    this.ownerOf = ownerOf;
  }

  add(names: readonly string[], use: Use): void {
    for (const name of names) {
      const [map, key] = this.placeOf(name);
      const uses = [...(map.get(key) ?? []), use];
      map.set(
        key,
        uses.toSorted((a, b) => (a.order < b.order ? -1 : 1)),
      );
    }
  }

  remove(names: readonly string[], certificate: string, owner: string): void {
    for (const name of names) {
      const [map, key] = this.placeOf(name);
      const rest = (map.get(key) ?? []).filter((use) => use.certificate !== certificate || use.owner !== owner);
      if (rest.length === 0) map.delete(key);
      else map.set(key, rest);
    }
  }

  /** Name of the certificate's unit; null = the default one. `host` is in lower case, without a final dot. */
  select(host: string): string | null {
    const exact = this.exact.get(host);
    const dot = host.indexOf('.');
    const wildcard = dot > 0 ? this.wildcard.get(host.slice(dot)) : undefined;
    const first = exact?.[0] ?? wildcard?.[0];
    if (first === undefined) return null;
    if ((exact?.length ?? 0) + (wildcard?.length ?? 0) === 1) return first.certificate;
    const owner = this.ownerOf(host);
    const own = (use: Use): boolean => use.owner === owner;
    return (exact?.find(own) ?? wildcard?.find(own) ?? first).certificate;
  }

  private placeOf(name: string): [Map<string, Use[]>, string] {
    return name.startsWith('*.') ? [this.wildcard, name.slice(1)] : [this.exact, name];
  }
}
