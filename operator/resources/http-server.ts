// HTTPServer: a port and the rules that lead its requests to pipelines. The fields and their meaning are Easegress's
// (reference pages name them); `className` and `certificateRefs` are ours. How a spec with errors keeps its place in
// the table is in http-server-places.ts.

import { z } from 'zod';
import { poolSchema } from '#proxy/filters/schemas.ts';
import { durationField } from '#proxy/primitives/duration.ts';
import {
  base64Field,
  flag,
  integer,
  list,
  map,
  methodList,
  regexpField,
  requiredText,
  text,
} from '#proxy/primitives/fields.ts';
import { ipFilterSchema } from './ip-filter.ts';
import type { ResourceKind } from './kind.ts';
import type { UsableCertificate } from './read-certificates.ts';
import { tlsSchema } from './tls.ts';
import { tracingSchema } from './tracing.ts';

const bytes = Number.MAX_SAFE_INTEGER;
export const defaultBodySize = 4_194_304;
const defaultLogFormat =
  '[{{Time}}] [{{RemoteAddr}} {{RealIP}} {{Method}} {{URI}} {{Proto}} {{StatusCode}}] ' +
  '[{{Duration}} rx:{{ReqSize}}B tx:{{RespSize}}B] [{{Tags}}]';

const conditionSchema = z.strictObject({
  key: requiredText('Name.'),
  values: list(text('A value.', 4096), 128, 'Values that fit.').default([]),
  regexp: regexpField('Expression that the value may match instead.').default(''),
});

const slashPath = (description: string) =>
  text(description, 2048).refine((path) => path === '' || path.startsWith('/'), {
    error: 'a path that begins with `/`',
  });

export const pathSchema = z
  .strictObject({
    ipFilter: ipFilterSchema.optional(),
    path: slashPath('The path equals this.').default(''),
    pathPrefix: slashPath('The path begins with this text; `/foo` also takes `/foobar`.').default(''),
    pathRegexp: regexpField('The path contains a match of this expression.').default(''),
    methods: methodList('Methods; empty = any.').default([]),
    headers: list(conditionSchema, 64, 'Conditions on request headers; any one is enough.').default([]),
    matchAllHeader: flag('All conditions of `headers` must hold.').default(false),
    queries: list(conditionSchema, 64, 'Conditions on query parameters; any one is enough.').default([]),
    matchAllQuery: flag('All conditions of `queries` must hold.').default(false),
    rewriteTarget: text('What takes the place of the part of the path that matched.', 2048).default(''),
    backend: text('Name of the pipeline.', 253).default(''),
    backendPool: poolSchema
      .meta({ description: 'A pool of servers in place of a pipeline; exactly one of the two is stated.' })
      .optional(),
    clientMaxBodySize: integer(
      "Largest request body in bytes; 0 = the server's, negative = no limit.",
      -1 * bytes,
      bytes,
    ).default(0),
    setHeaders: map(
      text('Value, with variables such as `$remote_addr`; `""` removes the header.', 4096),
      64,
      'Request headers that are set before the pipeline.',
    ).default({}),
  })
  .meta({ description: 'One place in the table: which requests, and where they go.' });

const hostText = (description: string) =>
  text(description, 253).refine((host) => /^[*]?[^*\s/]*$|^[^*\s/]+[*]$/.test(host), {
    error: 'a host name, with at most one `*` at its beginning or end',
  });

export const ruleSchema = z
  .strictObject({
    ipFilter: ipFilterSchema.optional(),
    host: hostText('Host; `*.a.io` and `www.a.*` take any number of labels.').default(''),
    hostRegexp: regexpField('Expression that the host contains a match of.').default(''),
    hosts: list(
      z
        .strictObject({
          isRegexp: flag('`value` is an expression.').default(false),
          value: text('Host or expression.', 4096),
        })
        .superRefine((entry, ctx) => {
          const form = entry.isRegexp ? regexpField('') : hostText('');
          for (const issue of form.safeParse(entry.value).error?.issues ?? []) {
            ctx.addIssue({ code: 'custom', path: ['value'], message: issue.message });
          }
        }),
      256,
      'Hosts, any one is enough. `host` and `hostRegexp` are added to them; none at all = any host.',
    ).default([]),
    paths: list(pathSchema, 256, 'Tried in order; the first that fits in everything is taken.').default([]),
  })
  .meta({ description: 'Paths of some hosts.' });

export const httpServerSchema = z.strictObject({
  className: text('Which gateway serves this object.', 253).default('easegress'),
  address: text('Address to listen on; empty = all.', 253).default(''),
  port: integer('Port to listen on; 0 = any free one, for tests.', 0, 65_535),
  http3: flag('HTTP/3 in place of TCP.').meta({ protects: true, inactive: true }).default(false),
  https: flag('TLS, with HTTP/2.').meta({ protects: true }).default(false),
  keepAlive: flag('False closes the connection after every answer.').default(true),
  keepAliveTimeout: durationField('How long a connection may be idle.').default('60s'),
  maxConnections: integer('Connections at a time; further ones wait.', 1, 4_294_967_295).default(10_240),
  clientMaxBodySize: integer(
    'Largest request body in bytes; 0 = 4 MiB, negative = no limit.',
    -1 * bytes,
    bytes,
  ).default(defaultBodySize),
  certBase64: base64Field('Certificate and its chain, PEM in base64.').meta({ protects: true }).optional(),
  keyBase64: base64Field('Its private key, PEM in base64.').meta({ secret: true, protects: true }).optional(),
  certs: map(
    text('PEM, plain or in base64.', 262_144),
    256,
    'Certificates by label; clients get the one that has the name they ask for.',
  )
    .meta({ protects: true })
    .default({}),
  keys: map(text('PEM, plain or in base64.', 262_144).meta({ secret: true }), 256, 'Private keys by the same labels.')
    .meta({ secret: true, protects: true })
    .default({}),
  certificateRefs: list(
    z.strictObject({
      name: requiredText('Name of a Secret of type kubernetes.io/tls.', 253),
      namespace: text("Its namespace; the object's own when absent.", 253).optional(),
    }),
    64,
    'Certificates in Secrets.',
  )
    .meta({ protects: true, inactive: true })
    .default([]),
  autoCert: flag('Certificates by ACME.').meta({ protects: true, inactive: true }).default(false),
  caCertBase64: base64Field('Clients must present a certificate of this authority, PEM in base64.')
    .meta({ protects: true })
    .optional(),
  tls: tlsSchema.meta({ protects: true }).optional(),
  xForwardedFor: flag("Adds the client's address to X-Forwarded-For.").default(false),
  cacheSize: integer('Accepted and without effect: finding a route needs no cache here.', 0, 4_294_967_295).default(0),
  tracing: tracingSchema.meta({ inactive: true }).optional(),
  ipFilter: ipFilterSchema.optional(),
  rules: list(ruleSchema, 512, 'Tried in order.').default([]),
  globalFilter: text('Name of the GlobalFilter whose pipelines run before and after.', 253)
    .meta({ protects: true })
    .default(''),
  routerKind: z
    .enum(['Ordered', 'RadixTree', ''])
    .meta({ description: '`Ordered` takes the first path that fits, `RadixTree` the most specific.' })
    .default('Ordered'),
  accessLogFormat: text('Form of a line of the access log.', 4096).default(defaultLogFormat),
});

export type HttpServerFields = z.infer<typeof httpServerSchema>;
type PathFields = z.infer<typeof pathSchema>;
export type RuleFields = z.infer<typeof ruleSchema>;

/** `refused`: something of it is invalid or protects and is not active; its place answers 503. */
export type PathSpec = PathFields & { readonly index: number; readonly refused: boolean };
/** `index`: place in the object, because rules and paths that cannot be placed are left out here. */
export type RuleSpec = Omit<RuleFields, 'paths'> & { readonly index: number; readonly paths: readonly PathSpec[] };
/** `refused`: no path of the server is served. Every path is then refused as well. */
export type HttpServerSpec = Omit<HttpServerFields, 'rules'> & {
  readonly refused: boolean;
  /** Those that can be used, the default one first. */
  readonly certificates: readonly UsableCertificate[];
  /** Authority and revocation list of clients as PEM, `` = none or none that can be read. */
  readonly clientCa: string;
  readonly clientCrl: string;
  readonly rules: readonly RuleSpec[];
};

export const httpServerKind = {
  kind: 'HTTPServer',
  group: 'easegress.megaease.com',
  version: 'v1alpha1',
  plural: 'httpservers',
  singular: 'httpserver',
  shortNames: [],
  body: 'spec',
  description: 'A port, and the rules that lead its requests to pipelines.',
  schema: httpServerSchema,
  columns: [
    { name: 'Port', type: 'integer', jsonPath: '.spec.port' },
    { name: 'Class', type: 'string', jsonPath: '.spec.className' },
  ],
} as const satisfies ResourceKind;
