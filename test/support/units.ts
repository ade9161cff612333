// Hand-made units for tests of what lies behind compile. Only what a test names is special; the rest is plausible.

import { unitHash } from '#proxy/contract/hash.ts';
import type {
  AnyUnit,
  EndpointsContent,
  ListenerContent,
  OwnerContent,
  PipelineContent,
  RuleContent,
  UnitContent,
  UnitKind,
  UpstreamContent,
} from '#proxy/contract/units.ts';
import type { CompileDelta } from '#operator/compile/result.ts';

function make<K extends UnitKind>(kind: K, name: string, content: UnitContent<K>): AnyUnit {
  const origins = [{ kind: 'HTTPServer', namespace: 'default', name: 'web' }];
  return { kind, name, hash: unitHash(kind, name, content, origins), origins, content } as AnyUnit;
}

export function listenerUnit(name: string, content: Partial<ListenerContent> = {}): AnyUnit {
  return make('listener', name, {
    audience: 'default',
    address: '',
    port: 8080,
    placement: 'all',
    protocol: 'http',
    keepAlive: true,
    keepAliveTimeout: 60_000,
    maxConnections: 10_240,
    ...content,
  });
}

export function ownerUnit(name: string, listener: string, content: Partial<OwnerContent> = {}): AnyUnit {
  return make('owner', name, {
    listener,
    precedence: { rank: 0, createdAt: '', key: name },
    semantics: 'ordered',
    rules: [],
    ipFilter: null,
    xForwardedFor: false,
    clientMaxBodySize: 4 * 1024 * 1024,
    before: null,
    after: null,
    fallthrough: { beforePipeline: false, pipeline: false },
    accessLogFormat: '',
    ...content,
  });
}

/** A rule with one path per pipeline, `/0`, `/1` … */
export function ruleUnit(
  name: string,
  pipelines: readonly (string | null)[],
  content: Partial<RuleContent> = {},
): AnyUnit {
  return make('rule', name, {
    hosts: [],
    ipFilter: null,
    paths: pipelines.map((pipeline, index) => ({
      path: `/${index}`,
      pathPrefix: '',
      pathRegexp: '',
      ipFilter: null,
      methods: [],
      headers: [],
      matchAllHeader: false,
      queries: [],
      matchAllQuery: false,
      rewriteTarget: '',
      pipeline,
      clientMaxBodySize: 0,
      setHeaders: {},
    })),
    ...content,
  });
}

/** A pipeline with one filter per upstream. */
export function pipelineUnit(
  name: string,
  upstreams: readonly string[] = [],
  content: Partial<PipelineContent> = {},
): AnyUnit {
  return make('pipeline', name, {
    title: name,
    flow: [],
    filters: upstreams.map((upstream, index) => ({
      name: `filter-${index}`,
      kind: 'Proxy',
      spec: {},
      upstreams: { 'pools/0': upstream },
    })),
    data: {},
    ...content,
  });
}

export function upstreamUnit(name: string, endpoints: string | null, content: Partial<UpstreamContent> = {}): AnyUnit {
  return make('upstream', name, {
    title: name,
    servers: [],
    endpoints,
    balancer: 'roundRobin',
    timeout: 0,
    setUpstreamHost: false,
    serverMaxBodySize: 4 * 1024 * 1024,
    maxIdleConns: 10_240,
    maxIdleConnsPerHost: 1_024,
    tls: { verify: true, ca: '', certificate: '', key: '' },
    ...content,
  });
}

export function endpointsUnit(name: string, ips: readonly string[], content: Partial<EndpointsContent> = {}): AnyUnit {
  return make('endpoints', name, {
    scheme: 'http',
    addresses: ips.map((ip) => ({ ip, port: 80, ready: true, terminating: false })),
    ...content,
  });
}

export function delta(upserts: readonly AnyUnit[], removes: readonly string[] = []): CompileDelta {
  return { upserts: upserts.map((unit) => ({ unit, inputs: unit.hash })), removes, diagnostics: new Map() };
}
