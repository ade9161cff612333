// Upstream units: the pools of a filter, taken out of its spec so that a change of servers does not rebuild the
// filter. Which fields are pools is said by the filter's schema (`pools`); a filter that has pools states beside them
// what holds for all of its connections: `mtls`, `maxIdleConns`, `maxIdleConnsPerHost`, `serverMaxBodySize`.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { UpstreamContent } from '#proxy/contract/units.ts';
import type { FilterSchema, PoolUse } from '#proxy/filters/filter-schema.ts';
import type { Pool } from '#proxy/filters/schemas.ts';
import { durationMs } from '#proxy/primitives/duration.ts';
import type { ResiliencePolicy } from '#operator/resources/resilience.ts';
import { emit, type Source } from './emit.ts';
import { endpointsCell } from './endpoints.ts';
import type { Reader } from './graph.ts';
import { type Place, schemeOf, serviceNamed } from './references.ts';
import type { CompiledUnit } from './result.ts';

const defaultBodySize = 4_194_304;

/** Fields of a pool, and of the filter around it, that go into the upstream and leave the filter's spec. */
const takenFromPool = ['servers', 'service', 'loadBalance', 'timeout', 'setUpstreamHost', 'serverMaxBodySize'];
const takenFromFilter = ['mtls', 'maxIdleConns', 'maxIdleConnsPerHost', 'serverMaxBodySize'];

interface Connections {
  readonly mtls?: {
    readonly certBase64?: string;
    readonly keyBase64?: string;
    readonly rootCertBase64?: string;
    readonly insecureSkipVerify: boolean;
  };
  readonly maxIdleConns?: number;
  readonly maxIdleConnsPerHost?: number;
  readonly serverMaxBodySize?: number;
}

/** A filter whose pools are wanted. */
export interface PooledFilter {
  readonly name: string;
  readonly schema: FilterSchema;
  readonly spec: Readonly<Record<string, unknown>>;
  /** `namespace/pipeline`, the beginning of the units' names. */
  readonly pipeline: string;
  readonly policies: readonly ResiliencePolicy[];
  readonly sources: readonly [Source, ...Source[]];
  /** From Easegress's own form: certificates are verified only when `mtls` says so. */
  readonly imported: boolean;
  /** Where the fields of the filter stand. */
  readonly place: Place;
}

export interface TakenPools {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Path of a pool → its upstream unit. */
  readonly upstreams: Readonly<Record<string, string>>;
  readonly units: readonly CompiledUnit[];
  readonly diagnostics: readonly Diagnostic[];
}

export function takePools(read: Reader, filter: PooledFilter): TakenPools {
  const { schema, spec } = filter;
  if (schema.pools === undefined) return { spec, upstreams: {}, units: [], diagnostics: [] };
  const upstreams: Record<string, string> = {};
  const units: CompiledUnit[] = [];
  const diagnostics: Diagnostic[] = [];
  const rest = structuredClone(without(spec, takenFromFilter));
  for (const use of schema.pools(spec)) {
    const name = `upstream/${filter.pipeline}/${filter.name}/${use.path}`;
    const { content, found } = upstreamOf(read, filter, use);
    diagnostics.push(...policyFindings(filter, use), ...found);
    units.push(emit('upstream', name, content, filter.sources));
    upstreams[use.path] = name;
    replaceAt(rest, use.path, (pool) => without(pool, takenFromPool));
  }
  diagnostics.push(...insecureFinding(filter));
  return { spec: rest, upstreams, units, diagnostics };
}

function upstreamOf(
  read: Reader,
  filter: PooledFilter,
  use: PoolUse,
): { readonly content: UpstreamContent; readonly found: readonly Diagnostic[] } {
  // The filter's schema has checked both: pools are pools, and these fields are what they are called.
  const pool = use.pool as Pool;
  const around = filter.spec as Connections;
  const found: Diagnostic[] = [];
  const place = { object: filter.place.object, path: `${filter.place.path}.${use.path}` };
  let endpoints: string | null = null;
  let overTls = pool.servers.some(({ url }) => url.startsWith('https:'));
  if (pool.service !== undefined) {
    const service = serviceNamed(read, pool.service, { object: place.object, path: `${place.path}.service` });
    if ('missing' in service) found.push(service.missing);
    else {
      read.hold(endpointsCell, service.found.endpoints);
      endpoints = `endpoints/${service.found.endpoints}`;
      overTls ||= schemeOf(service.found.port) === 'https';
    }
  }
  const verify = around.mtls === undefined ? !filter.imported : !around.mtls.insecureSkipVerify;
  if (overTls && !verify && around.mtls === undefined) {
    const message =
      'certificates of these servers are not verified, as in Easegress without `mtls`; state `mtls.rootCertBase64`';
    found.push(diagnostic('TlsNotVerified', place.object, place.path, message));
  }
  const content: UpstreamContent = {
    title: `${filter.name}#${use.role}`,
    servers: pool.servers.map((server) => ({
      ...addressOf(server.url),
      weight: server.weight ?? -1,
      keepHost: server.keepHost,
      tags: server.tags,
    })),
    endpoints,
    balancer: balancerOf(pool.loadBalance.policy),
    timeout: pool.timeout === undefined ? 0 : durationMs(pool.timeout),
    setUpstreamHost: pool.setUpstreamHost,
    serverMaxBodySize: stated(pool.serverMaxBodySize) ?? stated(around.serverMaxBodySize) ?? defaultBodySize,
    maxIdleConns: around.maxIdleConns ?? 10_240,
    maxIdleConnsPerHost: around.maxIdleConnsPerHost ?? 1024,
    tls: {
      verify,
      ca: pem(around.mtls?.rootCertBase64),
      certificate: pem(around.mtls?.certBase64),
      key: pem(around.mtls?.keyBase64),
    },
  };
  return { content, found };
}

/** The balancers that are not active have a finding from parsing; until then such a pool goes round. */
function balancerOf(policy: string): UpstreamContent['balancer'] {
  return policy === 'random' || policy === 'weightedRandom' ? policy : 'roundRobin';
}

function insecureFinding({ spec, place }: PooledFilter): Diagnostic[] {
  if ((spec as Connections).mtls?.insecureSkipVerify !== true) return [];
  const message = 'certificates of https servers are not verified; state `rootCertBase64` instead';
  return [diagnostic('TlsNotVerified', place.object, `${place.path}.mtls.insecureSkipVerify`, message)];
}

function policyFindings({ policies, place }: PooledFilter, use: PoolUse): Diagnostic[] {
  const pool = use.pool as Pool;
  const wanted = [
    ['retryPolicy', 'Retry', pool.retryPolicy ?? ''],
    ['circuitBreakerPolicy', 'CircuitBreaker', pool.circuitBreakerPolicy ?? ''],
  ] as const;
  return wanted.flatMap(([field, kind, name]) => {
    if (name === '' || policies.some((policy) => policy.name === name && policy.kind === kind)) return [];
    const other = policies.find((policy) => policy.name === name);
    const why = other === undefined ? 'is no policy of this pipeline' : `is a ${other.kind}, not a ${kind}`;
    const path = `${place.path}.${use.path}.${field}`;
    return [
      diagnostic('UnknownPolicy', place.object, path, `${name} ${why}; add it to \`resilience\` or correct the name`),
    ];
  });
}

/** The parts of a server's URL. Its path is a text put before the request's, so a lone `/` counts for nothing. */
function addressOf(url: string): Pick<UpstreamContent['servers'][number], 'scheme' | 'host' | 'port' | 'path'> {
  const parsed = new URL(url);
  const scheme = parsed.protocol === 'https:' ? 'https' : 'http';
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = parsed.port === '' ? (scheme === 'https' ? 443 : 80) : Number(parsed.port);
  return { scheme, host, port, path: parsed.pathname === '/' ? '' : parsed.pathname };
}

/** 0 = not stated. */
function stated(size: number | undefined): number | undefined {
  return size === 0 ? undefined : size;
}

function pem(base64: string | undefined): string {
  return base64 === undefined ? '' : atob(base64.replace(/\s+/g, ''));
}

function without(value: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

/** Replaces the object at a path such as `pools[0]` or `http.pool`. */
function replaceAt(
  root: Record<string, unknown>,
  path: string,
  change: (value: Record<string, unknown>) => Record<string, unknown>,
): void {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
  const last = steps.pop();
  // A path that a schema gives for its own spec leads to an object; anything else is a bug there and throws here.
  let parent = root;
  for (const step of steps) parent = parent[step] as Record<string, unknown>;
  if (last !== undefined) parent[last] = change(parent[last] as Record<string, unknown>);
}
