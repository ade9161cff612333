// Units: what compile produces and a proxy runs. Each is validated, hashed and shipped alone, and names the objects
// it came from, so that a rejection or a metric finds its way back. A unit refers to others by their name only.
//
//   listener ◀── owner ──▶ rule ──▶ pipeline ──▶ upstream ──▶ endpoints (live)
//      (an owner names its listener; everything else points to the right)
//   listener, owner ──▶ certificate (live)
//
// Live units (endpoints, certificate) change in place, have a sequence of their own and are no part of a version.
// All durations are integer milliseconds, all sizes bytes; every default has been applied by compile.

import { z } from 'zod';

const unitName = z.string().min(1).max(1024);
const ms = z.number().int().min(0);
const strings = z.array(z.string());

/** Where a unit came from. Objects from files without a namespace have namespace `default`. */
export const originSchema = z.strictObject({ kind: z.string(), namespace: z.string(), name: z.string() });
export type Origin = z.infer<typeof originSchema>;

// ── listener ────────────────────────────────────────────────────────────────────────────────────────────────────

export const tlsVersions = ['TLSv1.2', 'TLSv1.3'] as const;

/** TLS of one port. It belongs to the port because a client is asked for its certificate before it names a path. */
export const tlsContent = z.strictObject({
  minVersion: z.enum(tlsVersions),
  maxVersion: z.enum(tlsVersions),
  /** Names as OpenSSL writes them, best first. */
  ciphers: strings,
  curves: strings,
  clientAuth: z.enum(['none', 'optional', 'required']),
  /** PEM: whose certificates clients present. Empty when they are not asked. */
  ca: z.string(),
  /** PEM; `` = none. */
  crl: z.string(),
  /** Served to clients that name no host, or none that has a certificate. */
  defaultCertificate: unitName.nullable(),
});
export type TlsContent = z.infer<typeof tlsContent>;

/** Settings of one port. Name: `listener/<audience>/<address or *>:<port>`. */
export const listenerContent = z.strictObject({
  audience: z.string(),
  /** `` = all addresses. */
  address: z.string(),
  port: z.number().int().min(0).max(65535),
  placement: z.enum(['all', 'one']),
  protocol: z.enum(['http', 'https']),
  keepAlive: z.boolean(),
  keepAliveTimeout: ms,
  maxConnections: z.number().int().min(1),
  /** Stated exactly for https. */
  tls: tlsContent.optional(),
});

// ── owner and rule ──────────────────────────────────────────────────────────────────────────────────────────────

export const ipFilterContent = z.strictObject({ blockByDefault: z.boolean(), allowIPs: strings, blockIPs: strings });

/** An HTTPServer (later also one host of Ingress): the ordered list of its rules on one listener. */
export const ownerContent = z.strictObject({
  listener: unitName,
  /**
   * Claims on a host are settled by this: lower `rank` (0 HTTPServer, 1 Ingress, 2 one that only answers 503), then older
   * `createdAt` (RFC 3339, `` = oldest), then `key`.
   */
  precedence: z.strictObject({ rank: z.number().int(), createdAt: z.string(), key: z.string() }),
  semantics: z.enum(['ordered', 'radix']),
  rules: z.array(unitName),
  /** Live units; stated only on an https listener. */
  certificates: z.array(unitName).optional(),
  ipFilter: ipFilterContent.nullable(),
  xForwardedFor: z.boolean(),
  /** Bytes; negative = no limit. */
  clientMaxBodySize: z.number().int(),
  before: unitName.nullable(),
  after: unitName.nullable(),
  fallthrough: z.strictObject({ beforePipeline: z.boolean(), pipeline: z.boolean() }),
  accessLogFormat: z.string(),
});

export const hostMatch = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('exact'), value: z.string() }),
  /** `*.a.io`: value is `.a.io`, any number of labels before it. */
  z.strictObject({ kind: z.literal('suffix'), value: z.string() }),
  /** `www.a.*`: value is `www.a.`. */
  z.strictObject({ kind: z.literal('prefix'), value: z.string() }),
  z.strictObject({ kind: z.literal('regexp'), value: z.string() }),
]);
export type HostMatch = z.infer<typeof hostMatch>;

export const valueCondition = z.strictObject({ key: z.string(), values: strings, regexp: z.string() });

export const pathContent = z.strictObject({
  path: z.string(),
  pathPrefix: z.string(),
  pathRegexp: z.string(),
  ipFilter: ipFilterContent.nullable(),
  /** Empty = any. */
  methods: strings,
  headers: z.array(valueCondition),
  matchAllHeader: z.boolean(),
  queries: z.array(valueCondition),
  matchAllQuery: z.boolean(),
  rewriteTarget: z.string(),
  /** null = the place stays in the table and answers 503 (fail closed). */
  pipeline: unitName.nullable(),
  /** 0 = the owner's; negative = no limit. */
  clientMaxBodySize: z.number().int(),
  setHeaders: z.record(z.string(), z.string()),
});
export type PathContent = z.infer<typeof pathContent>;

/** One rule of an owner. Name: `rule/<owner key>/<index>`. Empty `hosts` = any host. */
export const ruleContent = z.strictObject({
  hosts: z.array(hostMatch),
  ipFilter: ipFilterContent.nullable(),
  paths: z.array(pathContent),
});

// ── pipeline ────────────────────────────────────────────────────────────────────────────────────────────────────

export const flowNode = z.strictObject({
  /** Name of an entry of `filters`, or `END`. */
  filter: z.string(),
  /** `` = the filter's name. */
  alias: z.string(),
  namespace: z.string(),
  jumpIf: z.record(z.string(), z.string()),
});

export const pipelineFilter = z.strictObject({
  name: z.string(),
  kind: z.string(),
  /** The filter's own fields, validated by the schema of its kind, defaults applied, pools taken out. */
  spec: z.record(z.string(), z.unknown()),
  /** Path of a pool inside the spec (`pools[0]`) → its upstream unit. */
  upstreams: z.record(z.string(), unitName),
});

export const pipelineContent = z.strictObject({
  /** Name that logs and metrics show. */
  title: z.string(),
  flow: z.array(flowNode),
  filters: z.array(pipelineFilter),
  data: z.record(z.string(), z.unknown()),
});

// ── upstream and endpoints ──────────────────────────────────────────────────────────────────────────────────────

export const upstreamServer = z.strictObject({
  scheme: z.enum(['http', 'https']),
  /** `http2`: by prior knowledge in cleartext, by ALPN over TLS. Absent = `http1`. */
  protocol: z.enum(['http1', 'http2']).optional(),
  /** Name or address; IPv6 without brackets. */
  host: z.string(),
  port: z.number().int().min(1).max(65535),
  /** Text put before the request's path; `` for none. */
  path: z.string(),
  /** -1 = none stated. */
  weight: z.number().int(),
  keepHost: z.boolean(),
  tags: strings,
});

export const upstreamTls = z.strictObject({
  verify: z.boolean(),
  /** PEM; `` = the system's roots. */
  ca: z.string(),
  certificate: z.string(),
  key: z.string().meta({ secret: true }),
});

/** One pool of a filter. Name: `upstream/<pipeline key>/<filter>/<pool path>`. */
export const upstreamContent = z.strictObject({
  /** Name that logs and metrics show, `<filter>#main`, `<filter>#candidate#0`. */
  title: z.string(),
  servers: z.array(upstreamServer),
  /** Live unit whose addresses take part beside `servers`. */
  endpoints: unitName.nullable(),
  balancer: z.enum(['roundRobin', 'random', 'weightedRandom']),
  /** Per attempt; 0 = none. */
  timeout: ms,
  setUpstreamHost: z.boolean(),
  /** Bytes of a response body; negative = no limit. */
  serverMaxBodySize: z.number().int(),
  maxIdleConns: z.number().int().min(0),
  maxIdleConnsPerHost: z.number().int().min(0),
  tls: upstreamTls,
});

/** Live. Name: `endpoints/<namespace>/<service>/<port name or number>`. */
export const endpointsContent = z.strictObject({
  scheme: z.enum(['http', 'https']),
  protocol: z.enum(['http1', 'http2']).optional(),
  addresses: z.array(
    z.strictObject({ ip: z.string(), port: z.number().int(), ready: z.boolean(), terminating: z.boolean() }),
  ),
});

// ── certificates ────────────────────────────────────────────────────────────────────────────────────────────────

/** Live. Name: `certificate/<namespace>/<object>/<label>`. */
export const certificateContent = z.strictObject({
  /** PEM: the certificate, then those that lead to its authority. */
  certificate: z.string(),
  /** PEM. */
  key: z.string().meta({ secret: true }),
  /** What it is for, in lower case: host names, `*.a.io` for one label, addresses. */
  names: strings,
  /** Milliseconds since 1970. */
  notBefore: z.number().int(),
  notAfter: z.number().int(),
});

// ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────

/** Every kind of unit, with the schema of its content and whether it is live. The one list that everything walks. */
export const unitKinds = {
  listener: { content: listenerContent, live: false },
  owner: { content: ownerContent, live: false },
  rule: { content: ruleContent, live: false },
  pipeline: { content: pipelineContent, live: false },
  upstream: { content: upstreamContent, live: false },
  endpoints: { content: endpointsContent, live: true },
  certificate: { content: certificateContent, live: true },
} as const;

export type UnitKind = keyof typeof unitKinds;
export type UnitContent<K extends UnitKind> = z.infer<(typeof unitKinds)[K]['content']>;

export type ListenerContent = UnitContent<'listener'>;
export type OwnerContent = UnitContent<'owner'>;
export type RuleContent = UnitContent<'rule'>;
export type PipelineContent = UnitContent<'pipeline'>;
export type UpstreamContent = UnitContent<'upstream'>;
export type EndpointsContent = UnitContent<'endpoints'>;
export type CertificateContent = UnitContent<'certificate'>;
export type IpFilterContent = z.infer<typeof ipFilterContent>;

/** A unit as it travels. `hash` covers kind, name, content and origins. */
export interface Unit<K extends UnitKind = UnitKind> {
  readonly kind: K;
  readonly name: string;
  readonly hash: string;
  readonly origins: readonly Origin[];
  readonly content: UnitContent<K>;
}

/** A unit of any kind, as a union that narrows by `kind`. */
export type AnyUnit = { [K in UnitKind]: Unit<K> }[UnitKind];

/** Names of the units that `unit` refers to. An owner's listener is not among them: that edge points the other way. */
export function unitReferences(unit: AnyUnit): string[] {
  switch (unit.kind) {
    case 'listener': {
      const certificate = unit.content.tls?.defaultCertificate ?? null;
      return certificate === null ? [] : [certificate];
    }
    case 'endpoints':
    case 'certificate':
      return [];
    case 'owner': {
      const { rules, before, after, certificates = [] } = unit.content;
      return [...rules, ...(before === null ? [] : [before]), ...(after === null ? [] : [after]), ...certificates];
    }
    case 'rule':
      return [...new Set(unit.content.paths.flatMap((path) => (path.pipeline === null ? [] : [path.pipeline])))];
    case 'pipeline':
      return [...new Set(unit.content.filters.flatMap((filter) => Object.values(filter.upstreams)))];
    case 'upstream':
      return unit.content.endpoints === null ? [] : [unit.content.endpoints];
    default:
      return unit satisfies never;
  }
}
