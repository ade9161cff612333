// The context as the nodes after a `pending` one see it. It only differs in whose turn complete() ends: see
// context.ts. Everything else goes through.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Peer } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { Context } from './context.ts';
import type { PipelineRequest, PipelineResponse, RequestContext, UpstreamNote } from './filter.ts';

export class LaterTurn implements RequestContext {
  private readonly context: Context;
  private readonly turn: number;

  constructor(context: Context, turn: number) {
    this.context = context;
    this.turn = turn;
  }

  complete(result: string): void {
    this.context.completeTurn(this.turn, result);
  }

  get request(): PipelineRequest | null {
    return this.context.request;
  }

  setRequest(request: PipelineRequest): void {
    this.context.setRequest(request);
  }

  get response(): PipelineResponse | null {
    return this.context.response;
  }

  set response(response: PipelineResponse | null) {
    this.context.response = response;
  }

  get namespace(): string {
    return this.context.namespace;
  }

  get requests(): ReadonlyMap<string, PipelineRequest> {
    return this.context.requests;
  }

  get responses(): ReadonlyMap<string, PipelineResponse> {
    return this.context.responses;
  }

  get data(): Record<string, unknown> {
    return this.context.data;
  }

  get peer(): Peer {
    return this.context.peer;
  }

  get realIp(): string {
    return this.context.realIp;
  }

  get aborted(): ProxyError | null {
    return this.context.aborted;
  }

  get onAbort(): ((cause: ProxyError) => void) | null {
    return this.context.onAbort;
  }

  set onAbort(fn: ((cause: ProxyError) => void) | null) {
    this.context.onAbort = fn;
  }

  addTag(text: string): void {
    this.context.addTag(text);
  }

  noteUpstream(note: UpstreamNote): void {
    this.context.noteUpstream(note);
  }

  fail(error: ProxyError): void {
    this.context.fail(error);
  }

  onResponse(fn: (response: PipelineResponse) => void): void {
    this.context.onResponse(fn);
  }

  inform(status: number, headers: HeaderList): void {
    this.context.inform(status, headers);
  }
}
