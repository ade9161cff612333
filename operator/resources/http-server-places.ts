// Which places of an HTTPServer are refused because of errors, and what of it can still be read. Called only by
// read-http-server.ts, whose table this carries out.

import type { Finding, FieldPath } from './finding.ts';

export interface Refusals {
  /** The spec without what is wrong. */
  readonly readable: unknown;
  /** Every path is refused. */
  server: boolean;
  /** Indexes of rules of which every path is refused. */
  readonly rules: Set<number>;
  /** `rule/path`. */
  readonly paths: Set<string>;
  /** Rules of which no host can be read. */
  readonly unplaced: Set<number>;
  /** Rules behind this index are refused. */
  closedAfter: number;
}

type Mapping = Record<string, unknown>;

const maxRules = 512;
const maxPaths = 256;
const hostFields = ['host', 'hostRegexp', 'hosts'];
const pathFields = ['path', 'pathPrefix', 'pathRegexp'];
const wrong: unique symbol = Symbol('wrong');

export function refusals(errors: readonly Finding[], cleaned: unknown): Refusals {
  const readable = errors.length === 0 ? cleaned : structuredClone(cleaned);
  const refused: Refusals = {
    readable,
    server: false,
    rules: new Set(),
    paths: new Set(),
    unplaced: new Set(),
    closedAfter: Infinity,
  };
  const server = mappingOf(readable);
  const wrongHosts = new Set<number>();
  for (const { path } of errors) {
    const [field, ...below] = path.slice(1); // without `spec`
    if (field !== 'rules') {
      refused.server = true;
      if (field !== undefined) delete server[field];
    } else if (below.length === 0) {
      refused.server = true;
      server['rules'] = Array.isArray(server['rules']) ? server['rules'].slice(0, maxRules) : [];
    } else if (refuseInRule(refused, server, below)) {
      wrongHosts.add(Number(below[0]));
    }
  }
  for (const rule of wrongHosts) settleHosts(refused, listOf(server['rules']), rule);
  return refused;
}

/** Returns whether a host of the rule cannot be read. */
function refuseInRule(refused: Refusals, server: Mapping, [index, field, ...below]: FieldPath): boolean {
  const r = Number(index);
  const rules = listOf(server['rules']);
  if (field === undefined) {
    rules[r] = {};
    return true;
  }
  const rule = mappingOf(rules[r]);
  if (hostFields.includes(String(field))) {
    const hosts = listOf(rule['hosts']);
    if (field === 'hosts' && typeof below[0] === 'number') hosts[below[0]] = wrong;
    else if (!Array.isArray(rule[field])) delete rule[field];
    return true;
  }
  if (field !== 'paths') {
    delete rule[field];
    refused.rules.add(r);
  } else if (below.length === 0) {
    refused.rules.add(r);
    // Too many: the last place takes the rest. No list at all: one place takes everything.
    rule['paths'] = [...listOf(rule['paths']).slice(0, maxPaths - 1), {}];
  } else {
    refusePath(refused, listOf(rule['paths']), r, below);
  }
  return false;
}

function refusePath(refused: Refusals, paths: unknown[], rule: number, [index, field]: FieldPath): void {
  const p = Number(index);
  refused.paths.add(`${rule}/${p}`);
  if (field === undefined) paths[p] = {}; // without conditions, so it takes every path of the rule
  const path = mappingOf(paths[p]);
  // One unreadable path text makes the others no help: what it would have taken is unknown.
  for (const name of pathFields.includes(String(field)) ? pathFields : [String(field)]) delete path[name];
}

/** Takes out the hosts that cannot be read. Of a list that is too long the first stay. */
function settleHosts(refused: Refusals, rules: unknown[], index: number): void {
  const rule = mappingOf(rules[index]);
  const hosts = listOf(rule['hosts']).filter((host) => host !== wrong);
  rule['hosts'] = hosts.slice(0, 256);
  refused.closedAfter = Math.min(refused.closedAfter, index);
  if (hosts.length === 0 && !isText(rule['host']) && !isText(rule['hostRegexp'])) refused.unplaced.add(index);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function mappingOf(value: unknown): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
