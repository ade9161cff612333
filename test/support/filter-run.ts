// One filter behind a real pipeline: spec and requests in, what became of them out.

import type { z } from 'zod';
import { type FilterDefinition } from '#proxy/pipeline/filter.ts';
import type { PipelineRequest, PipelineResponse } from '#proxy/pipeline/filter.ts';
import { type FlowEnd, type PipelineInstance, buildPipeline } from '#proxy/pipeline/pipeline.ts';
import type { Context } from '#proxy/pipeline/context.ts';
import { TestKit, pipelineText, testContext, testRequest } from './pipeline-kit.ts';

export interface FilterRun {
  readonly ctx: Context;
  /** Result that the filter gave; null while it waits. */
  readonly result: string | null;
  readonly end: FlowEnd | null;
  readonly response: PipelineResponse | null;
  /** Body of the response as text. */
  readonly text: string;
}

export class FilterBench {
  readonly kit: TestKit;
  private readonly kind: string;
  private pipeline: PipelineInstance | null = null;

  /** `spec` is what a person would write: defaults are applied as compile does. */
  constructor(definition: FilterDefinition, spec: z.input<z.ZodObject>, kit: TestKit = new TestKit(definition)) {
    this.kit = kit;
    this.kind = definition.schema.kind;
    this.update(definition, spec);
  }

  /** A new version of the pipeline, as after an edit. */
  update(definition: FilterDefinition, spec: z.input<z.ZodObject>): void {
    const parsed = definition.schema.spec.parse(spec);
    const former = this.pipeline;
    this.kit.previous = former;
    this.pipeline = buildPipeline(pipelineText({ filters: [{ name: 'it', kind: this.kind, spec: parsed }] }), this.kit);
    former?.release();
  }

  send(target = '/', request: Partial<PipelineRequest> = {}, before?: (ctx: Context) => void): FilterRun {
    const ctx = testContext(testRequest(target, request));
    before?.(ctx);
    let end: FlowEnd | null = null;
    this.pipeline?.run(ctx, (reached) => (end = reached));
    return {
      ctx,
      get result() {
        return ctx.traces[0]?.steps[0]?.result ?? null;
      },
      get end() {
        return end;
      },
      get response() {
        return ctx.answer;
      },
      get text() {
        let text = '';
        ctx.answer?.body?.start({ chunk: (data) => (text += data.toString()), end() {}, error() {} });
        return text;
      },
    };
  }
}
