// Filter: one filter that several pipelines refer to by `filterRef`. Its fields are those of its kind.

import { z } from 'zod';
import { requiredText } from '#proxy/primitives/fields.ts';
import type { ResourceKind } from './kind.ts';

export const filterSchema = z.looseObject({
  kind: requiredText('Kind of the filter; its fields stand beside it.', 256),
});

export interface FilterSpec {
  readonly kind: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

export const filterKind = {
  kind: 'Filter',
  group: 'easegress.megaease.com',
  version: 'v1alpha1',
  plural: 'filters',
  singular: 'filter',
  shortNames: [],
  body: 'spec',
  description: 'One filter for several pipelines.',
  schema: filterSchema,
  columns: [{ name: 'Filter', type: 'string', jsonPath: '.spec.kind' }],
} as const satisfies ResourceKind;
