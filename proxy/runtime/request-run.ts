// One request while it is served: runs the pipelines, sends the answer, and in the end tells the observer. It holds
// the pipelines it started with until the exchange is done, whatever is swapped meanwhile.
//
//   refuse, respondEmpty ───────────────────────────────┐
//   start ─▶ before ─▶ main ─▶ after ─▶ answer ─────────┼─▶ exchange.onDone ─▶ record
//              └ client gone, limit crossed ─▶ ctx.abort ┘

import { ProxyError, type ProxyErrorCode, proxyErrors } from '#proxy/exchange/error.ts';
import type { Exchange, Outcome } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { Context } from '#proxy/pipeline/context.ts';
import type { PipelineRequest, PipelineResponse, UpstreamNote } from '#proxy/pipeline/filter.ts';
import { LimitedBody, declaredOver, needsCounting } from '#proxy/pipeline/limited-body.ts';
import { misuse } from '#proxy/pipeline/misuse.ts';
import type { FlowEnd, PipelineInstance } from '#proxy/pipeline/pipeline.ts';
import type { PipelineTrace } from '#proxy/pipeline/trace.ts';
import type { RouteMatch } from '#proxy/router/route-match.ts';
import type { RequestRecord } from './record.ts';
import type { ListenerRuntime } from './request.ts';

/** Easegress's meaning of 0. */
const defaultMaxBody = 4 * 1024 * 1024;

interface Fallthrough {
  readonly beforePipeline: boolean;
  readonly pipeline: boolean;
}

export class RequestRun {
  readonly realIp: string;
  private readonly listener: ListenerRuntime;
  private readonly exchange: Exchange;
  private readonly method: string;
  private readonly target: string;
  private readonly authority: string;

  private owner = '';
  private rule = '';
  private pathIndex = -1;
  private accessLogFormat = '';
  private before: PipelineInstance | null = null;
  private main: PipelineInstance | null = null;
  private after: PipelineInstance | null = null;
  private fallthrough: Fallthrough | null = null;
  private stage: 'before' | 'main' | 'after' = 'before';
  private ctx: Context | null = null;
  private answered = false;
  private responseHeaders: HeaderList | null = null;
  /** Why the answer is the gateway's own. */
  private refusal: ProxyErrorCode | null = null;
  private refusalDetail = '';
  private limitCrossed: ProxyError | null = null;

  constructor(listener: ListenerRuntime, exchange: Exchange, realIp: string) {
    const { head } = exchange;
    this.listener = listener;
    this.exchange = exchange;
    this.realIp = realIp;
    this.method = head.method;
    this.target = head.target;
    this.authority = head.authority;
    exchange.onAbort = (cause) => this.ctx?.abort(cause);
    exchange.onDone = (outcome) => this.done(outcome);
  }

  /** Remembers for the record what the router found, also when it refused. */
  noteRoute(match: RouteMatch<PipelineInstance>): void {
    const { owner, rule, path } = match;
    this.owner = owner?.name ?? '';
    this.rule = rule?.name ?? '';
    this.pathIndex = path?.index ?? -1;
    this.accessLogFormat = owner?.content.accessLogFormat ?? '';
  }

  /** Holds the pipelines. False when one that is named has no build: then nothing may be served. */
  usePipelines(
    main: PipelineInstance,
    before: PipelineInstance | null | undefined,
    after: PipelineInstance | null | undefined,
    fallthrough: Fallthrough,
  ): boolean {
    this.main = main;
    main.retain();
    if (before === undefined || after === undefined) return false;
    this.before = before;
    this.after = after;
    this.fallthrough = fallthrough;
    before?.retain();
    after?.retain();
    return true;
  }

  refuse(code: ProxyErrorCode, headers: HeaderList = new HeaderList()): void {
    this.refusal = code;
    this.respondEmpty(proxyErrors[code].status, headers);
  }

  respondEmpty(status: number, headers: HeaderList): void {
    this.send({ status, reason: '', headers, body: null });
  }

  /** A bug of ours: the client gets 500 if it has no answer yet, and the record says so. */
  break(error: ProxyError): void {
    misuse.failures++;
    this.refusal = error.code;
    this.refusalDetail = error.message;
    if (this.answered) return;
    this.ctx?.close(error)?.body?.cancel(error);
    this.respondEmpty(error.status, new HeaderList());
  }

  start(request: PipelineRequest, maxBodySize: number): void {
    const limit = maxBodySize === 0 ? defaultMaxBody : maxBodySize;
    if (declaredOver(request.body, limit)) {
      this.refusal = 'PayloadTooLarge';
      this.refusalDetail = `body of ${request.body?.length} bytes is larger than ${limit}`;
      this.respondEmpty(413, new HeaderList());
      return;
    }
    if (needsCounting(request.body, limit)) {
      request.body = new LimitedBody(request.body, {
        bytes: limit,
        code: 'PayloadTooLarge',
        exceeded: (error) => this.crossLimit(error),
      });
    }
    this.ctx = new Context(request, this.exchange, this.realIp);
    if (this.before === null) this.runStage('main', this.main);
    else this.runStage('before', this.before);
  }

  private readonly stageDone = (end: FlowEnd): void => {
    try {
      this.next(end);
    } catch (error) {
      // We may stand on the stack of an upstream's socket, which has nothing to do with it.
      this.break(internalError(error));
    }
  };

  /** A flow that did not pass skips what follows, unless the owner lets it fall through. */
  private next(end: FlowEnd): void {
    const passed = end === 'passed';
    if (end === 'aborted' || this.stage === 'after') return this.finish();
    if (this.stage === 'before') {
      if (passed || this.fallthrough?.beforePipeline === true) this.runStage('main', this.main);
      else this.finish();
      return;
    }
    if (this.after !== null && (passed || this.fallthrough?.pipeline === true)) this.runStage('after', this.after);
    else this.finish();
  }

  private runStage(stage: 'before' | 'main' | 'after', pipeline: PipelineInstance | null): void {
    this.stage = stage;
    if (this.ctx === null || pipeline === null) return this.finish();
    pipeline.run(this.ctx, this.stageDone);
  }

  /** The flows are over. Filters' callbacks may run their own code, so what they throw is the request's failure. */
  private finish(): void {
    const { ctx } = this;
    if (ctx === null || this.answered) return;
    if (this.limitCrossed !== null || ctx.aborted !== null) {
      ctx.close(ctx.aborted)?.body?.cancel(ctx.aborted);
      // Without a client nobody is answered: its exchange ends by itself.
      if (this.limitCrossed !== null) this.refuse('PayloadTooLarge');
      return;
    }
    let response = ctx.answer;
    if (response === null) {
      this.refusal = 'NoResponse';
      response = emptyResponse(proxyErrors.NoResponse.status);
      ctx.answer = response;
    }
    response = this.runHooks(ctx, response);
    ctx.close(null);
    this.send(response);
  }

  /** A callback that throws costs its request the answer; the others still see the 500 that goes out instead. */
  private runHooks(ctx: Context, first: PipelineResponse): PipelineResponse {
    let response = first;
    for (;;) {
      try {
        ctx.runResponseHooks(response);
        return response;
      } catch (error) {
        misuse.failures++;
        this.refusal = 'FilterFailed';
        this.refusalDetail = error instanceof Error ? error.message : String(error);
        response.body?.cancel(null);
        response = emptyResponse(proxyErrors.FilterFailed.status);
      }
    }
  }

  private crossLimit(error: ProxyError): void {
    this.limitCrossed = error;
    // With the head gone, the upstream's reset (its body broke off) is what ends the answer.
    if (!this.answered) this.ctx?.abort(error);
  }

  private send(response: PipelineResponse): void {
    if (this.answered) return;
    this.answered = true;
    this.responseHeaders = response.headers;
    const { body } = response;
    this.exchange.respond(response, body);
  }

  private done(outcome: Outcome): void {
    const { listener } = this;
    this.before?.release();
    this.main?.release();
    this.after?.release();
    listener.observer.done(this.record(outcome));
  }

  private record(outcome: Outcome): RequestRecord {
    const { ctx, exchange, listener } = this;
    const durationMs = listener.now() - exchange.startedAt;
    const status = outcome.status === 0 && outcome.error?.code === 'ClientAbort' ? 499 : outcome.status;
    const record: RequestRecord = {
      listener: listener.name,
      owner: this.owner,
      rule: this.rule,
      pathIndex: this.pathIndex,
      pipeline: this.main?.name ?? '',
      pipelineTitle: this.main?.title ?? '',
      accessLogFormat: this.accessLogFormat,
      method: this.method,
      target: this.target,
      authority: this.authority,
      scheme: exchange.head.scheme,
      version: exchange.version,
      peer: exchange.peer,
      realIp: this.realIp,
      requestHeaders: exchange.head.headers,
      responseHeaders: this.responseHeaders,
      status,
      error: null,
      errorLayer: '',
      errorDetail: '',
      time: listener.wallClock() - durationMs,
      durationMs,
      bytesIn: outcome.bytesIn,
      bytesOut: outcome.bytesOut,
      traces: ctx?.traces ?? noTraces,
      tags: ctx?.tags ?? noTags,
      upstreams: ctx?.upstreamNotes ?? noNotes,
    };
    this.blame(record, outcome.error);
    return record;
  }

  /**
   * Whose fault it was: a crossed limit, else what cut the exchange short (a client that left is never the
   * upstream's fault), else our own refusal, else what a filter said, if that is the answer that went out.
   */
  private blame(record: RequestRecord, cut: ProxyError | null): void {
    const failure = this.ctx?.failure ?? null;
    const error = this.limitCrossed ?? cut;
    if (error !== null) setError(record, error.code, error.message);
    else if (this.refusal !== null) setError(record, this.refusal, this.refusalDetail);
    else if (failure !== null && failure.status === record.status) setError(record, failure.code, failure.message);
    if (record.error === 'PayloadTooLarge' || record.error === 'UpstreamTooLarge') {
      record.tags = [...record.tags, 'bodyLimit'];
    }
  }
}

function emptyResponse(status: number): PipelineResponse {
  return { status, reason: '', headers: new HeaderList(), body: null };
}

export function internalError(error: unknown): ProxyError {
  return new ProxyError('Internal', error instanceof Error ? error.message : String(error), { cause: error });
}

function setError(record: RequestRecord, code: ProxyErrorCode, detail: string): void {
  record.error = code;
  record.errorLayer = proxyErrors[code].layer;
  record.errorDetail = detail;
}

const noTraces: readonly PipelineTrace[] = [];
const noTags: readonly string[] = [];
const noNotes: readonly UpstreamNote[] = [];
