// Which addresses the proxy may connect to. Names in specs resolve to whatever their owner's DNS says, so that the
// judgement is on the resolved address, at the moment of connecting, and nowhere else. On a laptop everything is
// allowed; in a cluster a tenant's spec must not reach the node (loopback, link-local, the metadata service).

import { BlockList, isIP } from 'node:net';

export interface ConnectPolicy {
  /** `address` is a literal, as DNS or a spec gave it. */
  allows(address: string): boolean;
}

export const allowAll: ConnectPolicy = { allows: () => true };

/**
 * For Kubernetes: refuses what is never another machine's service, except for the given CIDRs (or addresses).
 * BlockList judges `::ffff:127.0.0.1`, in any spelling, as the IPv4 address that it reaches (RFC 4291 2.5.5.2).
 */
export function clusterConnectPolicy(allowed: readonly string[] = [], refused: readonly string[] = []): ConnectPolicy {
  const allow = blockList(allowed);
  const refuse = blockList([...neverAService, ...refused]);
  return {
    allows(address) {
      const family = isIP(address);
      if (family === 0) return false;
      const type = family === 4 ? 'ipv4' : 'ipv6';
      return !refuse.check(address, type) || allow.check(address, type);
    },
  };
}

/** Loopback, unspecified, link-local, and IPv6 forms that carry an IPv4 address a router or kernel may act on. */
const neverAService = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '::/128',
  '::1/128',
  'fe80::/10',
  // IPv4-compatible (deprecated, RFC 4291 2.5.5.1), NAT64 (RFC 6052), 6to4 (RFC 3056).
  '::/96',
  '64:ff9b::/96',
  '2002::/16',
  // The metadata service of EC2 over IPv6.
  'fd00:ec2::254/128',
];

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = isIP(address);
    if (family === 0) throw new Error(`not an address or CIDR: ${cidr}`);
    const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
    list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
