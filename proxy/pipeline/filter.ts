// The contract between a pipeline and a filter. A filter is built once per unit version (`create` prepares all that
// depends on its spec) and then only works (`handle`). It never sees another filter, a listener or the router.
//
//   create(spec, scope) ─▶ handle(ctx) × n ─▶ dispose()
//                            │ returns a result at once, a promise of one, or `pending` and calls ctx.complete()

import type { z } from 'zod';
import type { Body, Peer, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import type { ProxyError, ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { FilterSchema } from '#proxy/filters/filter-schema.ts';
import type { Upstream } from '#proxy/upstream/upstream.ts';

/** A request inside the pipeline: the head may be changed by filters, the body has one owner. */
export interface PipelineRequest extends RequestHead {
  body: Body | null;
  /** Raw bytes of the client after an accepted upgrade; only in namespace DEFAULT. */
  tunnel: Body | null;
}

export interface PipelineResponse extends ResponseHead {
  body: Body | null;
}

/** One call of an upstream, for log and metrics. */
export interface UpstreamNote {
  /** Name of the unit. */
  readonly upstream: string;
  readonly title: string;
  /** `host:port`, `` when none was chosen. */
  readonly endpoint: string;
  /** Status that it answered, 0 when no head came. */
  readonly status: number;
  /** Until the head, or the failure. */
  readonly durationMs: number;
  readonly error: ProxyErrorCode | null;
}

/** Returned by a filter that will call ctx.complete(result) exactly once, later or before handle returns. */
export const pending: unique symbol = Symbol('pending');

export type HandleResult = string | Promise<string> | typeof pending;

/** What a filter sees of one request. Filters run one after the other, so the active namespace is unambiguous. */
export interface RequestContext {
  /** Request of the active namespace, or null when none was built there. */
  readonly request: PipelineRequest | null;
  /** Response of the active namespace, or null. Setting it replaces (and cancels the body of) the one before. */
  response: PipelineResponse | null;
  setRequest(request: PipelineRequest): void;
  readonly namespace: string;
  readonly requests: ReadonlyMap<string, PipelineRequest>;
  readonly responses: ReadonlyMap<string, PipelineResponse>;
  /** `data.PIPELINE` is the pipeline's data. */
  readonly data: Record<string, unknown>;
  readonly peer: Peer;
  /** The client's address after trusted forwarding headers. */
  readonly realIp: string;
  /** Null while the client is there. */
  readonly aborted: ProxyError | null;
  /** Called at most once, when the client goes away. Replaces the former callback; null removes it. */
  onAbort: ((cause: ProxyError) => void) | null;
  /** Text for the access log's tags. */
  addTag(text: string): void;
  /** Tells of a call to an upstream that is over; not of one that the client's abort cut short. */
  noteUpstream(note: UpstreamNote): void;
  /** Remembers why the answer is not the upstream's; the access log names its layer. */
  fail(error: ProxyError): void;
  /** Runs once, in reverse order of registration, before the head goes to the client, also for the gateway's own answers. */
  onResponse(fn: (response: PipelineResponse) => void): void;
  /** Ends a `pending` handle. */
  complete(result: string): void;
  /** Interim answers of an upstream go to the client from here. */
  inform(status: number, headers: HeaderList): void;
}

/** What a filter may use besides its spec. Nothing is global. */
export interface FilterScope {
  readonly name: string;
  readonly pipeline: string;
  /** Upstream of the pool at that path of the spec (`pools[0]`). Throws when there is none: a bug of ours. */
  upstream(path: string): Upstream;
  /** Monotonic milliseconds, of one clock for all threads of the process (`proxy/pipeline/clock.ts`). */
  now(): number;
  /** [0, 1). */
  random(): number;
  /** Runs `fn` after `ms`; the returned function cancels it. */
  timer(ms: number, fn: () => void): () => void;
  /** Counters shared by all data threads of this proxy, by a key that stays the same over unit versions. */
  shared(key: string, slots: number): Int32Array;
}

export interface FilterInstance {
  handle(ctx: RequestContext): HandleResult;
  /** Takes over state of the instance that had this name and kind in the version before. */
  inherit?(previous: FilterInstance): void;
  dispose?(): void;
}

export interface FilterDefinition<S extends z.ZodObject = z.ZodObject> {
  readonly schema: FilterSchema<S>;
  create(spec: z.infer<S>, scope: FilterScope): FilterInstance;
}

export function defineFilter<S extends z.ZodObject>(definition: FilterDefinition<S>): FilterDefinition<S> {
  return definition;
}
