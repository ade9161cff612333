// The list of kinds. Sources, CRDs, RBAC and reference pages read it; nothing else enumerates kinds.

import { endpointSliceKind } from './endpoint-slice.ts';
import { filterKind } from './filter.ts';
import { globalFilterKind } from './global-filter.ts';
import { httpServerKind } from './http-server.ts';
import type { ResourceKind } from './kind.ts';
import { pipelineKind } from './pipeline.ts';
import { serviceKind } from './service.ts';

export const resourceKinds: readonly ResourceKind[] = [
  httpServerKind,
  pipelineKind,
  filterKind,
  globalFilterKind,
  serviceKind,
  endpointSliceKind,
];

export const ownGroup = 'easegress.megaease.com';

/** By kind. */
export const resourceKindsByName: ReadonlyMap<string, ResourceKind> = new Map(
  resourceKinds.map((kind) => [kind.kind, kind]),
);
