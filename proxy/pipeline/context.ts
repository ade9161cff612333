// One request on its way through one or several flows: its messages by namespace, what the log wants to know, and
// where the flow stands. The request path makes one Context per request, the pipeline moves it, filters see it as
// RequestContext. All fields exist from the start, so that contexts keep one shape; what few requests need (named
// namespaces, tags, data) is made when it is asked for.
//
// A node that returned `pending` owns a turn and ends it by complete(). What comes after such a node sees the
// context through a LaterTurn, so that a second complete() of the former node cannot end the turn of a later one.
//
//   idle ──handle()──▶ handling ──string──▶ idle
//                         │  ├───pending──▶ parked ───complete(), abort──▶ idle
//                         │  └───promise──▶ promised ─settled, abort─────▶ idle

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Exchange, Peer } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { PipelineRequest, PipelineResponse, RequestContext, UpstreamNote } from './filter.ts';
import type { FlowEnd, PipelineInstance } from './instance.ts';
import { LaterTurn } from './later-turn.ts';
import { misuse } from './misuse.ts';
import type { PipelineTrace } from './trace.ts';

export const defaultNamespace = 'DEFAULT';

export type TurnState = 'idle' | 'handling' | 'parked' | 'promised';

/** What a context needs of the exchange it stands for. */
export type ContextOrigin = Pick<Exchange, 'peer' | 'inform'>;

/** Bounds on what one request may leave in the log: tags, and characters of one. */
const maxTags = 32;
const maxTagLength = 512;

export class Context implements RequestContext {
  readonly realIp: string;
  namespace: string = defaultNamespace;
  aborted: ProxyError | null = null;
  onAbort: ((cause: ProxyError) => void) | null = null;
  /** Why the answer is not the upstream's; the last fail() counts. */
  failure: ProxyError | null = null;
  tags: string[] | null = null;
  upstreamNotes: UpstreamNote[] | null = null;
  readonly traces: PipelineTrace[] = [];

  private readonly origin: ContextOrigin;
  private defaultRequest: PipelineRequest | null;
  private defaultResponse: PipelineResponse | null = null;
  private namedRequests: Map<string, PipelineRequest> | null = null;
  private namedResponses: Map<string, PipelineResponse> | null = null;
  private hooks: ((response: PipelineResponse) => void)[] | null = null;
  private dataFields: Record<string, unknown> | null = null;
  private closed = false;

  // Where the flow stands. Written by the pipeline only.
  flow: PipelineInstance | null = null;
  node = 0;
  turn = 0;
  turnState: TurnState = 'idle';
  /** Result that complete() gave before handle() returned. */
  earlyResult: string | null = null;
  nodeStartedAt = 0;
  flowDone: ((end: FlowEnd) => void) | null = null;
  private face: RequestContext | null = this;

  constructor(request: PipelineRequest | null, origin: ContextOrigin, realIp: string) {
    this.defaultRequest = request;
    this.origin = origin;
    this.realIp = realIp;
  }

  get peer(): Peer {
    return this.origin.peer;
  }

  get request(): PipelineRequest | null {
    if (this.namespace === defaultNamespace) return this.defaultRequest;
    return this.namedRequests?.get(this.namespace) ?? null;
  }

  /** The client's request lives on until the exchange is done; one that a filter made gives up its body. */
  setRequest(request: PipelineRequest): void {
    if (this.namespace === defaultNamespace) {
      this.defaultRequest = request;
      return;
    }
    this.namedRequests ??= new Map();
    const former = this.namedRequests.get(this.namespace);
    if (former !== undefined && former.body !== request.body) former.body?.cancel(null);
    if (this.closed) request.body?.cancel(null);
    else this.namedRequests.set(this.namespace, request);
  }

  get response(): PipelineResponse | null {
    if (this.namespace === defaultNamespace) return this.defaultResponse;
    return this.namedResponses?.get(this.namespace) ?? null;
  }

  set response(response: PipelineResponse | null) {
    this.replaceResponse(this.namespace, response);
  }

  get requests(): ReadonlyMap<string, PipelineRequest> {
    return allOf(this.defaultRequest, this.namedRequests);
  }

  get responses(): ReadonlyMap<string, PipelineResponse> {
    return allOf(this.defaultResponse, this.namedResponses);
  }

  get data(): Record<string, unknown> {
    this.dataFields ??= { PIPELINE: this.flow?.data ?? {} };
    return this.dataFields;
  }

  addTag(text: string): void {
    this.tags ??= [];
    if (this.tags.length < maxTags)
      this.tags.push(text.length > maxTagLength ? `${text.slice(0, maxTagLength)}...` : text);
  }

  noteUpstream(note: UpstreamNote): void {
    this.upstreamNotes ??= [];
    if (this.upstreamNotes.length < maxTags) this.upstreamNotes.push(note);
  }

  fail(error: ProxyError): void {
    this.failure = error;
  }

  onResponse(fn: (response: PipelineResponse) => void): void {
    this.hooks ??= [];
    this.hooks.push(fn);
  }

  inform(status: number, headers: HeaderList): void {
    if (this.aborted === null && !this.closed) this.origin.inform(status, headers);
  }

  complete(result: string): void {
    this.completeTurn(0, result);
  }

  /** Ends the turn `turn`, if that is the one that waits. Every other call is a filter's fault: ignored and counted. */
  completeTurn(turn: number, result: string): void {
    const { flow } = this;
    if (flow === null || turn !== this.turn) {
      misuse.lateCompletes++;
      return;
    }
    if (this.turnState === 'handling' && this.earlyResult === null) this.earlyResult = result;
    else if (this.turnState === 'parked') flow.resume(this, result);
    else misuse.lateCompletes++;
  }

  /** The turn of a node that waited is over: whoever comes next sees the context through a new face. */
  endTurn(): void {
    this.turn++;
    this.face = null;
  }

  /** What the next node gets as its context. */
  get facade(): RequestContext {
    this.face ??= new LaterTurn(this, this.turn);
    return this.face;
  }

  // ── for the request path ──

  enterFlow(flow: PipelineInstance): void {
    this.flow = flow;
    if (this.dataFields !== null) this.dataFields['PIPELINE'] = flow.data;
  }

  /** The request cannot go on: the client is gone, or sent more than it may. Ends the flow that runs, if any. */
  abort(cause: ProxyError): void {
    if (this.aborted !== null || this.closed) return;
    this.aborted = cause;
    const notify = this.onAbort;
    this.onAbort = null;
    try {
      notify?.(cause);
    } catch {
      // Nobody can be answered any more, and the flow ends in any case.
      misuse.failures++;
    }
    // The callback may have completed the turn; if it did, the flow has ended by now.
    this.flow?.aborted(this);
  }

  /** The answer in namespace DEFAULT, whatever namespace is active. */
  get answer(): PipelineResponse | null {
    return this.defaultResponse;
  }

  set answer(response: PipelineResponse | null) {
    this.replaceResponse(defaultNamespace, response);
  }

  /** Runs what filters registered by onResponse(), last first. After a throw the next call goes on with the rest. */
  runResponseHooks(response: PipelineResponse): void {
    const { hooks } = this;
    if (hooks === null) return;
    for (let hook = hooks.pop(); hook !== undefined; hook = hooks.pop()) hook(response);
  }

  /**
   * The request is over. Hands out the answer, whose body now belongs to the caller, and cancels every other body;
   * what a filter sets from now on is cancelled at once. The client's own request body stays: an upstream may still
   * be reading it, and its listener cancels it in the end.
   */
  close(cause: ProxyError | null): PipelineResponse | null {
    const { defaultResponse, namedRequests, namedResponses } = this;
    this.closed = true;
    this.defaultResponse = null;
    if (namedResponses !== null) {
      for (const response of namedResponses.values()) response.body?.cancel(cause);
      namedResponses.clear();
    }
    if (namedRequests !== null) {
      for (const request of namedRequests.values()) request.body?.cancel(cause);
      namedRequests.clear();
    }
    return defaultResponse;
  }

  private replaceResponse(namespace: string, response: PipelineResponse | null): void {
    if (this.closed) {
      response?.body?.cancel(null);
      return;
    }
    const isDefault = namespace === defaultNamespace;
    const former = isDefault ? this.defaultResponse : (this.namedResponses?.get(namespace) ?? null);
    if (former !== null && former.body !== null && former.body !== response?.body) former.body.cancel(null);
    if (isDefault) {
      this.defaultResponse = response;
    } else if (response === null) {
      this.namedResponses?.delete(namespace);
    } else {
      this.namedResponses ??= new Map();
      this.namedResponses.set(namespace, response);
    }
  }
}

function allOf<T>(first: T | null, named: ReadonlyMap<string, T> | null): ReadonlyMap<string, T> {
  const all = new Map<string, T>();
  if (first !== null) all.set(defaultNamespace, first);
  if (named !== null) for (const [namespace, message] of named) all.set(namespace, message);
  return all;
}
