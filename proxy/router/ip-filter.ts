// `ipFilter` of server, rule and path, with the meaning of Easegress 2.11: an allow list that does not hold the
// address denies, whatever the default says.

import { CidrSet, ipVersion } from '#proxy/primitives/ip.ts';
import type { IpFilterContent } from '#proxy/contract/units.ts';
import { buildAt } from './build-error.ts';

export class IpFilter {
  private readonly allowByDefault: boolean;
  private readonly allowed: CidrSet;
  private readonly blocked: CidrSet;

  constructor(allowByDefault: boolean, allowed: CidrSet, blocked: CidrSet) {
    this.allowByDefault = allowByDefault;
    this.allowed = allowed;
    this.blocked = blocked;
  }

  allows(address: string): boolean {
    if (ipVersion(address) === 0) return this.allowByDefault;
    const allowed = this.allowed.has(address);
    if (this.allowed.size > 0 && !allowed) return false;
    const blocked = this.blocked.has(address);
    return allowed === blocked ? this.allowByDefault : allowed;
  }
}

export function compileIpFilter(unit: string, path: string, content: IpFilterContent | null): IpFilter | null {
  if (content === null) return null;
  const allowed = buildAt(unit, `${path}.allowIPs`, () => new CidrSet(content.allowIPs));
  const blocked = buildAt(unit, `${path}.blockIPs`, () => new CidrSet(content.blockIPs));
  return new IpFilter(!content.blockByDefault, allowed, blocked);
}
