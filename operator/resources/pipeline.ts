// Pipeline: filters, the flow through them, and policies. The entries of `filters` stay open here: which fields an
// entry has is said by the schema of its kind, and filter-entry.ts judges it by that.

import { z } from 'zod';
import { list, map, requiredText, text } from '#proxy/primitives/fields.ts';
import type { ResourceKind } from './kind.ts';
import { policySchema } from './resilience.ts';

const flowNodeSchema = z.strictObject({
  filter: requiredText('Name of an entry of `filters`, or `END`.', 256),
  alias: text('Another name of this node, for jumps.', 256).default(''),
  namespace: text('Whose request and response the filter works on.', 256).default('DEFAULT'),
  jumpIf: map(text('Name or alias of a later node, or `END`.', 256), 32, 'Where to go on, by result.').default({}),
});

export const filterEntrySchema = z.looseObject({
  name: requiredText('Name, unique in the pipeline.', 256),
  kind: text('Kind of the filter; its fields stand beside it.', 256).default(''),
  filterRef: z
    .strictObject({ name: requiredText('Name of the Filter object.', 253) })
    .meta({ description: 'A Filter object of the same namespace, in place of `kind` and fields.' })
    .optional(),
});

export const pipelineSchema = z.strictObject({
  flow: list(flowNodeSchema, 256, 'Nodes in order; none = every filter once, as defined.').default([]),
  filters: list(filterEntrySchema, 128, 'The filters.').min(1),
  resilience: list(policySchema, 64, 'Policies that pools refer to.').default([]),
  data: map(
    z.unknown().meta({ description: 'Any value.' }),
    256,
    'Free values, in templates `.data.PIPELINE`.',
  ).default({}),
});

export type FlowNode = z.infer<typeof flowNodeSchema>;

/** An entry of `filters`: either a reference (then `kind` is empty) or a kind and its checked fields with defaults. */
export interface FilterEntry {
  readonly name: string;
  readonly kind: string;
  readonly filterRef: { readonly name: string } | null;
  readonly spec: Readonly<Record<string, unknown>>;
}

export type PipelineSpec = Omit<z.infer<typeof pipelineSchema>, 'filters'> & {
  readonly filters: readonly FilterEntry[];
};

export const pipelineKind = {
  kind: 'Pipeline',
  group: 'easegress.megaease.com',
  version: 'v1alpha1',
  plural: 'pipelines',
  singular: 'pipeline',
  shortNames: [],
  body: 'spec',
  description: 'A flow of filters that makes an answer out of a request.',
  schema: pipelineSchema,
  columns: [],
} as const satisfies ResourceKind;
