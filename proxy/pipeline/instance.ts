// A pipeline that runs: the flow of one unit over its filters, as Easegress defines it. Nodes follow one another; the
// empty result goes on, a mapped result jumps forward, any other result ends the flow. Nothing here knows a kind of
// filter, and no promise is made unless a filter returns one.
//
// Instances are counted, not generations: whoever makes one holds it, each request holds it while it runs, and the
// last release() disposes the filters that no newer instance carries on.

import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { Context } from './context.ts';
import { type FilterInstance, pending } from './filter.ts';
import type { HeldFilter } from './held-filter.ts';
import { misuse } from './misuse.ts';
import type { TraceStep } from './trace.ts';

/**
 * How a flow ended. `passed`: its last node let it through; `ended`: END, or a result that is not mapped;
 * `failed`: a filter threw; `aborted`: the client is gone or broke a limit.
 */
export type FlowEnd = 'passed' | 'ended' | 'failed' | 'aborted';

/** Index that stands for the end of the flow by END. */
export const endOfFlow = -1;

export interface FlowNode {
  readonly name: string;
  readonly namespace: string;
  /** null for END. */
  readonly filter: FilterInstance | null;
  /** Result → index of a later node, or `endOfFlow`; null when nothing is mapped. */
  readonly jumps: ReadonlyMap<string, number> | null;
}

export interface PipelineParts {
  readonly name: string;
  readonly title: string;
  readonly nodes: readonly FlowNode[];
  readonly filters: ReadonlyMap<string, HeldFilter>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly now: () => number;
}

export class PipelineInstance {
  readonly name: string;
  readonly title: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** By name, for the instance that comes after this one. */
  readonly filters: ReadonlyMap<string, HeldFilter>;
  private readonly nodes: readonly FlowNode[];
  private readonly now: () => number;
  private holders = 1;

  constructor(parts: PipelineParts) {
    this.name = parts.name;
    this.title = parts.title;
    this.data = parts.data;
    this.filters = parts.filters;
    this.nodes = parts.nodes;
    this.now = parts.now;
  }

  /** Runs the flow; `done` is called once, maybe before this returns. */
  run(ctx: Context, done: (end: FlowEnd) => void): void {
    ctx.enterFlow(this);
    ctx.flowDone = done;
    ctx.traces.push({ pipeline: this.title, steps: [] });
    ctx.nodeStartedAt = this.now();
    this.walk(ctx, 0);
  }

  retain(): void {
    this.holders++;
  }

  release(): void {
    this.holders--;
    if (this.holders > 0) return;
    if (this.holders < 0) throw new Error(`pipeline ${this.name} was released more often than held`);
    for (const filter of this.filters.values()) filter.release();
  }

  /** How many hold it; 0 = disposed. */
  get uses(): number {
    return this.holders;
  }

  /** The pending node of `ctx` gave its result. Called by the context only. */
  resume(ctx: Context, result: string): void {
    const next = this.leave(ctx, result);
    ctx.endTurn();
    this.walk(ctx, next);
  }

  /** `ctx` was aborted. Called by the context only. */
  aborted(ctx: Context): void {
    // While a node's handle() runs, walk() is below us on the stack and sees ctx.aborted itself.
    if (ctx.turnState === 'parked' || ctx.turnState === 'promised') this.resume(ctx, 'aborted');
  }

  private walk(ctx: Context, from: number): void {
    const { nodes } = this;
    let index = from;
    for (;;) {
      if (ctx.aborted !== null) return finish(ctx, 'aborted');
      if (index === endOfFlow) return finish(ctx, 'ended');
      if (index === nodes.length) return finish(ctx, 'passed');
      const node = nodes[index] as FlowNode;
      if (node.filter === null) return finish(ctx, 'ended');
      ctx.namespace = node.namespace;
      ctx.node = index;
      ctx.turnState = 'handling';
      let result: string | Promise<string> | typeof pending;
      try {
        result = node.filter.handle(ctx.facade);
      } catch (error) {
        return this.fail(ctx, error);
      }
      if (typeof result === 'string') {
        if (ctx.earlyResult !== null) {
          ctx.earlyResult = null;
          misuse.lateCompletes++;
        }
        index = this.leave(ctx, result);
      } else if (result !== pending) {
        this.await(ctx, result);
        if (ctx.aborted !== null) this.aborted(ctx);
        return;
      } else if (ctx.earlyResult !== null) {
        index = this.leave(ctx, ctx.earlyResult);
        ctx.earlyResult = null;
        ctx.endTurn();
      } else {
        ctx.turnState = 'parked';
        if (ctx.aborted !== null) this.aborted(ctx);
        return;
      }
    }
  }

  private await(ctx: Context, promise: Promise<string>): void {
    const { turn } = ctx;
    ctx.turnState = 'promised';
    const current = (): boolean => ctx.flow === this && ctx.turn === turn && ctx.turnState === 'promised';
    promise.then(
      (result) => {
        if (current()) this.resume(ctx, result);
      },
      (error: unknown) => {
        if (current()) this.fail(ctx, error);
      },
    );
  }

  /** Records the node that `ctx` stands at and says where to go on. */
  private leave(ctx: Context, result: string): number {
    const { node: index } = ctx;
    const node = this.nodes[index] as FlowNode;
    ctx.turnState = 'idle';
    ctx.onAbort = null;
    this.record(ctx, node, result);
    const target = node.jumps?.get(result);
    if (target !== undefined) return target;
    return result === '' ? index + 1 : endOfFlow;
  }

  private record(ctx: Context, node: FlowNode, result: string): void {
    const now = this.now();
    const step: TraceStep = { node: node.name, result, durationMs: now - ctx.nodeStartedAt };
    ctx.nodeStartedAt = now;
    const { traces } = ctx;
    (traces[traces.length - 1] as { steps: TraceStep[] }).steps.push(step);
  }

  /** A filter threw or rejected: the client gets 500, the flow is over, the connection lives. */
  private fail(ctx: Context, thrown: unknown): void {
    const node = this.nodes[ctx.node] as FlowNode;
    misuse.failures++;
    ctx.turnState = 'idle';
    ctx.earlyResult = null;
    ctx.onAbort = null;
    ctx.endTurn();
    this.record(ctx, node, 'failed');
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    const error = new ProxyError('FilterFailed', `filter ${node.name}: ${reason}`, { cause: thrown });
    ctx.fail(error);
    ctx.answer = { status: error.status, reason: '', headers: new HeaderList(), body: null };
    finish(ctx, ctx.aborted === null ? 'failed' : 'aborted');
  }
}

function finish(ctx: Context, end: FlowEnd): void {
  const done = ctx.flowDone;
  ctx.flow = null;
  ctx.flowDone = null;
  done?.(end);
}
