// EndpointSlice, as far as we read it: the addresses behind a Service. The Service is named by a label.

import { z } from 'zod';
import type { ResourceKind } from './kind.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';

const endpointSchema = z.object({
  addresses: z.array(z.string().max(64)).max(100),
  conditions: z
    .object({
      // Kubernetes: unknown readiness is to be taken as ready.
      ready: z.boolean().default(true),
      serving: z.boolean().optional(),
      terminating: z.boolean().default(false),
    })
    .default({ ready: true, terminating: false }),
  nodeName: z.string().max(253).optional(),
  zone: z.string().max(253).optional(),
});

const portSchema = z.object({
  name: z.string().max(63).default(''),
  port: z.int().min(1).max(65_535).optional(),
  protocol: z.string().max(16).default('TCP'),
  appProtocol: z.string().max(256).default(''),
});

export const endpointSliceSchema = z.object({
  addressType: z.string().max(16),
  endpoints: z.array(endpointSchema).max(1000).default([]),
  ports: z.array(portSchema).max(100).default([]),
});

export type EndpointSliceSpec = z.infer<typeof endpointSliceSchema>;

export const endpointSliceKind = {
  kind: 'EndpointSlice',
  group: 'discovery.k8s.io',
  version: 'v1',
  plural: 'endpointslices',
  singular: 'endpointslice',
  shortNames: [],
  body: 'whole',
  description: 'Addresses behind a Service.',
  schema: endpointSliceSchema,
  columns: [],
} as const satisfies ResourceKind;
