// The certificates of one data thread: their contents, which change in place, and per listener the table that finds one
// by name. A change costs the names of that certificate; nothing else is touched.

import type { CertificateContent, OwnerContent, Unit } from '#proxy/contract/units.ts';
import { SniTable } from '#proxy/listeners/sni-table.ts';
import type { CertificateSource, ServedCertificate } from '#proxy/listeners/tls-acceptor.ts';

/** What an owner brought to its listener. */
interface Held {
  readonly listener: string;
  readonly order: string;
  readonly certificates: readonly string[];
}

export class Certificates {
  private readonly ownerOf: (listener: string, host: string) => string | null;
  private readonly served = new Map<string, ServedCertificate>();
  private readonly tables = new Map<string, SniTable>();
  private readonly held = new Map<string, Held>();
  /** Certificate → owners that hold it. */
  private readonly holders = new Map<string, Set<string>>();

  /** `ownerOf` answers which owner has a host on a listener. */
  constructor(ownerOf: (listener: string, host: string) => string | null) {
    this.ownerOf = ownerOf;
  }

  /** null = the unit is gone. */
  set(name: string, content: CertificateContent | null): void {
    const former = this.served.get(name)?.content.names ?? [];
    const owners = [...(this.holders.get(name) ?? [])];
    for (const owner of owners) this.table(this.held.get(owner)?.listener ?? '').remove(former, name, owner);
    if (content === null) {
      this.served.delete(name);
      return;
    }
    this.served.set(name, { name, content });
    for (const owner of owners) this.index(owner, name);
  }

  setOwner({ name, content }: Unit<'owner'>): void {
    this.removeOwner(name);
    const { certificates = [], listener } = content;
    if (certificates.length === 0) return;
    this.held.set(name, { listener, certificates, order: orderOf(content) });
    for (const certificate of certificates) {
      const holders = this.holders.get(certificate);
      if (holders === undefined) this.holders.set(certificate, new Set([name]));
      else holders.add(name);
      this.index(name, certificate);
    }
  }

  removeOwner(name: string): void {
    const held = this.held.get(name);
    if (held === undefined) return;
    this.held.delete(name);
    for (const certificate of held.certificates) {
      const names = this.served.get(certificate)?.content.names ?? [];
      this.table(held.listener).remove(names, certificate, name);
      const holders = this.holders.get(certificate);
      holders?.delete(name);
      if (holders?.size === 0) this.holders.delete(certificate);
    }
  }

  table(listener: string): SniTable {
    let table = this.tables.get(listener);
    if (table === undefined) {
      table = new SniTable((host) => this.ownerOf(listener, host));
      this.tables.set(listener, table);
    }
    return table;
  }

  source(listener: string): CertificateSource {
    const find = (unit: string): ServedCertificate | null => this.served.get(unit) ?? null;
    const select = (host: string): ServedCertificate | null => {
      const unit = this.table(listener).select(host);
      return unit === null ? null : find(unit);
    };
    return { select, find };
  }

  private index(owner: string, certificate: string): void {
    const held = this.held.get(owner);
    const served = this.served.get(certificate);
    if (held === undefined || served === undefined) return;
    const place = String(held.certificates.indexOf(certificate)).padStart(6, '0');
    this.table(held.listener).add(served.content.names, { certificate, owner, order: `${held.order} ${place}` });
  }
}

/** Text whose order is that of precedence. */
function orderOf({ precedence: { rank, createdAt, key } }: OwnerContent): string {
  return `${rank} ${createdAt} ${key}`;
}
