// Service, as far as we read it: ports by number and name. Unknown fields are Kubernetes' business.

import { z } from 'zod';
import type { ResourceKind } from './kind.ts';

const portSchema = z.object({
  name: z.string().max(63).default(''),
  port: z.int().min(1).max(65_535),
  protocol: z.string().max(16).default('TCP'),
  appProtocol: z.string().max(256).default(''),
});

export const serviceSchema = z.object({
  type: z.string().max(64).default('ClusterIP'),
  externalName: z.string().max(253).default(''),
  ports: z.array(portSchema).max(1024).default([]),
});

export type ServiceSpec = z.infer<typeof serviceSchema>;

export const serviceKind = {
  kind: 'Service',
  group: '',
  version: 'v1',
  plural: 'services',
  singular: 'service',
  shortNames: [],
  body: 'spec',
  description: 'Ports of a Service that pools refer to.',
  schema: serviceSchema,
  columns: [],
} as const satisfies ResourceKind;
