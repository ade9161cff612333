// Hosts: the forms in which a rule states them, and who has a host that two servers on one port claim. The router
// asks one owner per request, so the loser's rules for that host are never reached: it gets a warning.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { HostMatch, OwnerContent } from '#proxy/contract/units.ts';
import type { HttpServerSpec, RuleSpec } from '#operator/resources/http-server.ts';
import type { Source } from './emit.ts';
import type { CellKind, Reader } from './graph.ts';
import { hostClaims, type PortClaim } from './inputs.ts';
import { isClosed, settingsOf } from './listeners.ts';

interface StatedHost {
  readonly match: HostMatch;
  /** Inside the rule: `host`, `hosts[1].value`. */
  readonly path: string;
}

const hostsByRule = new WeakMap<RuleSpec, readonly StatedHost[]>();

/** Hosts of a rule as it states them. A lone `*` is any host, so it makes the list empty like no host at all. */
export function hostsOf(rule: RuleSpec): readonly StatedHost[] {
  const known = hostsByRule.get(rule);
  if (known !== undefined) return known;
  const hosts = readHosts(rule);
  hostsByRule.set(rule, hosts);
  return hosts;
}

function readHosts(rule: RuleSpec): readonly StatedHost[] {
  const stated: StatedHost[] = [];
  if (rule.host !== '') stated.push({ match: hostMatch(rule.host), path: 'host' });
  if (rule.hostRegexp !== '') stated.push({ match: { kind: 'regexp', value: rule.hostRegexp }, path: 'hostRegexp' });
  rule.hosts.forEach(({ isRegexp, value }, index) => {
    if (value === '') return;
    const path = `hosts[${index}].value`;
    stated.push({ match: isRegexp ? { kind: 'regexp', value } : hostMatch(value), path });
  });
  return stated.some(({ match }) => match.kind === 'suffix' && match.value === '') ? [] : stated;
}

/** In the form in which the router compares: lower case, without a final dot, an IPv6 address without brackets. */
function hostMatch(text: string): HostMatch {
  const host = text.toLowerCase();
  if (host.endsWith('*') && host !== '*') return { kind: 'prefix', value: host.slice(0, -1) };
  const bare = host.replace(/\.$/, '').replace(/^\[(.*)\]$/, '$1');
  return bare.startsWith('*') ? { kind: 'suffix', value: bare.slice(1) } : { kind: 'exact', value: bare };
}

/** Keys of the groups in which a server claims its hosts. */
export function hostKeysOf(spec: HttpServerSpec): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const rule of spec.rules) {
    const hosts = hostsOf(rule);
    if (hosts.length === 0) keys.add(hostKey(spec.port, null));
    for (const { match } of hosts) keys.add(hostKey(spec.port, match));
  }
  return keys;
}

function hostKey(port: number, match: HostMatch | null): string {
  return match === null ? `${port} any` : `${port} ${match.kind} ${match.value}`;
}

/** A closed server comes after all that are sound, Ingress (rank 1) included: it keeps only what nobody else claims. */
const closedRank = 2;

export function precedenceOf(source: Source, createdAt: string, closed = false): OwnerContent['precedence'] {
  const { namespace, name } = source.origin;
  return { rank: closed ? closedRank : 0, createdAt, key: `${namespace}/${name}` };
}

/** Text whose order is that of precedence. */
export function precedenceText({ rank, createdAt, key }: OwnerContent['precedence']): string {
  return `${rank} ${createdAt} ${key}`;
}

/** `namespace/name` of the server that has a host: the first that is sound, else the first. `` = nobody. */
const hostOwnerCell: CellKind<string> = {
  name: 'host-owner',
  level: 2,
  same: (before, after) => before === after,
  compute(key, read) {
    const [port = ''] = key.split(' ', 1);
    const settings = settingsOf(read, port);
    if (settings === null) return '';
    let first: PortClaim | undefined;
    for (const [, claim] of read.get(hostClaims, key)?.entries() ?? []) {
      if (!isClosed(claim, settings)) return ownerOf(claim);
      first ??= claim;
    }
    return first === undefined ? '' : ownerOf(first);
  },
};

function ownerOf({ origin }: PortClaim): string {
  return `${origin.namespace}/${origin.name}`;
}

/** Warnings about hosts that another server has. */
export function hostConflicts(read: Reader, spec: HttpServerSpec, source: Source): Diagnostic[] {
  const { namespace, name } = source.origin;
  const own = `${namespace}/${name}`;
  const found: Diagnostic[] = [];
  const check = (rule: RuleSpec, match: HostMatch | null, path: string): void => {
    const owner = read.get(hostOwnerCell, hostKey(spec.port, match));
    if (owner === own || owner === '') return;
    const host = match === null ? 'any host' : hostText(match);
    const message = `HTTPServer ${owner} claims ${host} on port ${spec.port} as well and comes first, so this is never reached there`;
    found.push(diagnostic('HostConflict', source.origin, `spec.rules[${rule.index}]${path}`, message));
  };
  for (const rule of spec.rules) {
    const hosts = hostsOf(rule);
    if (hosts.length === 0) check(rule, null, '');
    for (const { match, path } of hosts) check(rule, match, `.${path}`);
  }
  return found;
}

function hostText({ kind, value }: HostMatch): string {
  switch (kind) {
    case 'exact':
      return value;
    case 'suffix':
      return `*${value}`;
    case 'prefix':
      return `${value}*`;
    case 'regexp':
      return `the expression ${value}`;
    default:
      return kind satisfies never;
  }
}
