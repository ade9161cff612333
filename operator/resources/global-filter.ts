// GlobalFilter: pipelines that run before and after the pipeline of every route of an HTTPServer.

import { z } from 'zod';
import { flag } from '#proxy/primitives/fields.ts';
import type { ResourceKind } from './kind.ts';
import { pipelineSchema, type PipelineSpec } from './pipeline.ts';

export const globalFilterSchema = z
  .strictObject({
    beforePipeline: pipelineSchema
      .meta({ description: "Runs before the route's pipeline.", protects: true })
      .optional(),
    afterPipeline: pipelineSchema.meta({ description: "Runs after the route's pipeline." }).optional(),
    fallthrough: z
      .strictObject({
        beforePipeline: flag("The route's pipeline runs even when the one before has ended the flow.").default(false),
        pipeline: flag("The one after runs even when the route's pipeline has ended the flow.").default(false),
      })
      .meta({ description: 'Whether an end stops what follows.' })
      .default({ beforePipeline: false, pipeline: false }),
  })
  .refine((spec) => spec.beforePipeline !== undefined || spec.afterPipeline !== undefined, {
    error: '`beforePipeline`, `afterPipeline` or both',
  });

export interface GlobalFilterSpec {
  readonly beforePipeline: PipelineSpec | null;
  readonly afterPipeline: PipelineSpec | null;
  readonly fallthrough: { readonly beforePipeline: boolean; readonly pipeline: boolean };
}

export const globalFilterKind = {
  kind: 'GlobalFilter',
  group: 'easegress.megaease.com',
  version: 'v1alpha1',
  plural: 'globalfilters',
  singular: 'globalfilter',
  shortNames: [],
  body: 'spec',
  description: 'Pipelines that run before and after every route.',
  schema: globalFilterSchema,
  columns: [],
} as const satisfies ResourceKind;
