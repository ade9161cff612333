// The list of filter kinds that the operator sees: fields and declared results, nothing that runs.

import { aiGatewayProxySchema } from './ai-gateway-proxy/schema.ts';
import { certExtractorSchema } from './cert-extractor/schema.ts';
import { connectControlSchema } from './connect-control/schema.ts';
import { corsAdaptorSchema } from './cors-adaptor/schema.ts';
import { dataBuilderSchema } from './data-builder/schema.ts';
import { fallbackSchema } from './fallback/schema.ts';
import { fileServerSchema } from './file-server/schema.ts';
import { grpcProxySchema } from './grpc-proxy/schema.ts';
import { headerLookupSchema } from './header-lookup/schema.ts';
import { headerToJsonSchema } from './header-to-json/schema.ts';
import { kafkaMqttSchema } from './kafka-mqtt/schema.ts';
import { kafkaSchema } from './kafka/schema.ts';
import { meshAdaptorSchema } from './mesh-adaptor/schema.ts';
import { mockSchema } from './mock/schema.ts';
import { mqttClientAuthSchema } from './mqtt-client-auth/schema.ts';
import { oidcAdaptorSchema } from './oidc-adaptor/schema.ts';
import { opaFilterSchema } from './opa-filter/schema.ts';
import { proxySchema } from './proxy/schema.ts';
import { rateLimiterSchema } from './rate-limiter/schema.ts';
import { redirectorV2Schema } from './redirector-v2/schema.ts';
import { redirectorSchema } from './redirector/schema.ts';
import { remoteFilterSchema } from './remote-filter/schema.ts';
import { requestAdaptorSchema } from './request-adaptor/schema.ts';
import { requestBuilderSchema } from './request-builder/schema.ts';
import { responseAdaptorSchema } from './response-adaptor/schema.ts';
import { responseBuilderSchema } from './response-builder/schema.ts';
import { resultBuilderSchema } from './result-builder/schema.ts';
import { simpleHttpProxySchema } from './simple-http-proxy/schema.ts';
import { topicMapperSchema } from './topic-mapper/schema.ts';
import { validatorSchema } from './validator/schema.ts';
import { wafSchema } from './waf/schema.ts';
import { wasmHostSchema } from './wasm-host/schema.ts';
import { webSocketProxySchema } from './web-socket-proxy/schema.ts';
import type { FilterSchema } from './filter-schema.ts';

export { poolSchema, type Pool } from './proxy/pool-schema.ts';
export { checkPool } from './proxy/pool-rules.ts';

const built = [proxySchema, mockSchema, rateLimiterSchema];

/** Known, so that an object using one is told what is missing; index.ts lists what runs. */
const planned = [
  aiGatewayProxySchema,
  certExtractorSchema,
  connectControlSchema,
  corsAdaptorSchema,
  dataBuilderSchema,
  fallbackSchema,
  fileServerSchema,
  grpcProxySchema,
  headerLookupSchema,
  headerToJsonSchema,
  kafkaMqttSchema,
  kafkaSchema,
  meshAdaptorSchema,
  mqttClientAuthSchema,
  oidcAdaptorSchema,
  opaFilterSchema,
  redirectorV2Schema,
  redirectorSchema,
  remoteFilterSchema,
  requestAdaptorSchema,
  requestBuilderSchema,
  responseAdaptorSchema,
  responseBuilderSchema,
  resultBuilderSchema,
  simpleHttpProxySchema,
  topicMapperSchema,
  validatorSchema,
  wafSchema,
  wasmHostSchema,
  webSocketProxySchema,
];

// A list of different schemas: each `check` takes what its own `spec` has parsed, which only the caller can promise.
const list = [...built, ...planned] as unknown as readonly FilterSchema[];

/** By kind. */
export const filterSchemas: ReadonlyMap<string, FilterSchema> = new Map(list.map((schema) => [schema.kind, schema]));
