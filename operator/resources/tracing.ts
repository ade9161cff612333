// Settings of traces as Easegress has them (not yet active).

import { z } from 'zod';
import { flag, integer, map, text } from '#proxy/primitives/fields.ts';

const limit = (description: string, fallback: number) => integer(description, -1, 1_000_000).default(fallback);
const rate = z.number().min(0).max(1).meta({ description: 'Share of requests that are traced.' });

const spanLimitsSchema = z.strictObject({
  attributeValueLengthLimit: limit('Longest value of an attribute; -1 = no limit.', -1),
  attributeCountLimit: limit('Attributes per span.', 128),
  eventCountLimit: limit('Events per span.', 128),
  linkCountLimit: limit('Links per span.', 128),
  attributePerEventCountLimit: limit('Attributes per event.', 128),
  attributePerLinkCountLimit: limit('Attributes per link.', 128),
});

const batchLimitsSchema = z.strictObject({
  maxQueueSize: integer('Spans that may wait.', 0, 1_000_000).default(2048),
  batchTimeout: integer('Milliseconds between two exports.', 0, 3_600_000).default(5000),
  exportTimeout: integer('Milliseconds that an export may take.', 0, 3_600_000).default(30_000),
  maxExportBatchSize: integer('Spans per export.', 0, 1_000_000).default(512),
});

const exporterSchema = z.strictObject({
  jaeger: z
    .strictObject({
      mode: z.enum(['agent', 'collector']).meta({ description: 'Whom the spans go to.' }),
      endpoint: text('Address.', 2048).optional(),
      username: text('User.').optional(),
      password: text('Password.').meta({ secret: true }).optional(),
    })
    .meta({ description: 'Export to Jaeger.' })
    .optional(),
  zipkin: z
    .strictObject({ endpoint: text('URL.', 2048) })
    .meta({ description: 'Export to Zipkin.' })
    .optional(),
  otlp: z
    .strictObject({
      protocol: z.enum(['http', 'grpc']).meta({ description: 'Transport.' }),
      endpoint: text('Address.', 2048),
      insecure: flag('Without TLS.').default(false),
      compression: text('Compression, such as `gzip`.', 32).optional(),
    })
    .meta({ description: 'Export by the OpenTelemetry protocol.' })
    .optional(),
});

const zipkinSchema = z.strictObject({
  hostport: text('Address of this service.').optional(),
  serverURL: text('URL of the collector.', 2048).optional(),
  sampleRate: rate.optional(),
  disableReport: flag('Nothing is sent.').optional(),
  sameSpan: flag('Client and server share a span.').optional(),
  id128Bit: flag('Long trace ids.').optional(),
});

export const tracingSchema = z
  .strictObject({
    serviceName: text('Name of the service in traces.').optional(),
    attributes: map(text('Value.', 4096), 64, 'Attributes of every span.').default({}),
    tags: map(text('Value.', 4096), 64, 'Older name of `attributes`.').default({}),
    spanLimits: spanLimitsSchema.meta({ description: 'Bounds of a span.' }).optional(),
    sampleRate: rate.default(1),
    batchLimits: batchLimitsSchema.meta({ description: 'Bounds of an export.' }).optional(),
    exporter: exporterSchema.meta({ description: 'Where spans go.' }).optional(),
    headerFormat: z
      .enum(['trace-context', 'b3'])
      .meta({ description: 'Headers that carry the trace.' })
      .default('trace-context'),
    zipkin: zipkinSchema.meta({ description: 'Older form of `exporter.zipkin`.' }).optional(),
  })
  .meta({ description: 'Traces.' });
