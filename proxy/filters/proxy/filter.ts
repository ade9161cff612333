// Proxy: chooses a pool, sends the request to its upstream and takes the answer. The node is done when the final head
// is there; the body is a stream that flows later. Balancing, connections, repetition on a dead connection and
// time-outs are the upstream's.
//
//   choose pool ─▶ upstream.send ─┬─▶ head ──▶ `` or failureCode       body flows to the client
//                                 ├─▶ error ─▶ answer with its status, result by who is to blame
//                                 └── client gone ─▶ cancel, clientError (noted as given up; no fault of the upstream)

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, ResponseHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import {
  defineFilter,
  type FilterScope,
  type HandleResult,
  pending,
  type PipelineRequest,
  type RequestContext,
} from '#proxy/pipeline/filter.ts';
import type { Upstream, UpstreamCall, UpstreamCallbacks, UpstreamRequest } from '#proxy/upstream/upstream.ts';
import { baseOf, ProxyAnswer } from './answer.ts';
import { OnceBody } from './once-body.ts';
import type { Pool } from './pool-schema.ts';
import { compileRequestMatcher, type RequestTest } from './request-matcher.ts';
import { proxySchema } from './schema.ts';

export const proxy = defineFilter({
  schema: proxySchema,
  create(spec, scope) {
    const pools = spec.pools.map((pool, index) => compilePool(pool, `pools[${index}]`, scope));
    const candidates = pools.filter((pool) => pool.takes !== null);
    const main = pools.find((pool) => pool.takes === null);
    if (main === undefined) throw new Error('no pool is without `filter`');
    return {
      handle(ctx) {
        const { request } = ctx;
        if (request === null) return fail(ctx, new ProxyError('Internal', `no request in ${ctx.namespace}`));
        let pool = main;
        for (const candidate of candidates) {
          if (candidate.takes?.(request, ctx) !== true) continue;
          pool = candidate;
          break;
        }
        return new ProxyCall(ctx, pool, scope).begin(request);
      },
    };
  },
});

interface CompiledPool {
  readonly upstream: Upstream;
  /** Null for the main pool. */
  readonly takes: RequestTest | null;
  /** By status: 1 = a failure. */
  readonly failureCodes: Uint8Array;
}

function compilePool(pool: Pool, path: string, scope: FilterScope): CompiledPool {
  const failureCodes = new Uint8Array(1000);
  if (pool.failureCodes.length === 0) failureCodes.fill(1, 500);
  for (const code of pool.failureCodes) failureCodes[code] = 1;
  return {
    upstream: scope.upstream(path),
    takes: pool.filter === undefined ? null : compileRequestMatcher(pool.filter, scope),
    failureCodes,
  };
}

/** One request on its way through this filter. */
class ProxyCall implements UpstreamCallbacks {
  private readonly ctx: RequestContext;
  private readonly pool: CompiledPool;
  private readonly scope: FilterScope;
  private readonly startedAt: number;
  private call: UpstreamCall | null = null;
  private over = false;

  constructor(ctx: RequestContext, pool: CompiledPool, scope: FilterScope) {
    this.ctx = ctx;
    this.pool = pool;
    this.scope = scope;
    this.startedAt = scope.now();
  }

  begin(request: PipelineRequest): HandleResult {
    const { ctx } = this;
    ctx.onAbort = (cause) => this.aborted(cause);
    // The outcome, and with it the end of this node, may come before send() returns.
    this.call = this.pool.upstream.send(outgoing(request), this);
    return pending;
  }

  inform(status: number, headers: HeaderList): void {
    this.ctx.inform(status, headers);
  }

  head(head: ResponseHead, body: Body | null): void {
    const { ctx } = this;
    this.end(head.status, null);
    ctx.response = new ProxyAnswer(head, body, baseOf(ctx.response));
    ctx.complete(this.pool.failureCodes[head.status] === 1 ? 'failureCode' : '');
  }

  error(cause: ProxyError): void {
    this.end(0, cause);
    this.ctx.complete(fail(this.ctx, cause));
  }

  private end(status: number, error: ProxyError | null): void {
    this.over = true;
    this.ctx.onAbort = null;
    this.note(status, error);
  }

  private note(status: number, error: ProxyError | null): void {
    const { upstream } = this.pool;
    this.ctx.noteUpstream({
      upstream: upstream.name,
      title: upstream.title,
      endpoint: this.call?.endpoint ?? '',
      status,
      durationMs: this.scope.now() - this.startedAt,
      error: error === null ? null : error.code,
    });
  }

  private aborted(cause: ProxyError): void {
    if (this.over) return;
    this.end(0, cause);
    this.call?.cancel(cause);
    this.ctx.complete(fail(this.ctx, cause));
  }
}

/** A body needs a request of its own, because it can be sent only once. */
function outgoing(request: PipelineRequest): UpstreamRequest {
  const { body } = request;
  if (body === null) return request;
  const { method, target, authority, scheme, headers, tunnel } = request;
  return { method, target, authority, scheme, headers, body: new OnceBody(request, body), tunnel };
}

/** Answers in place of the upstream: a response that another filter had made only changes its status. */
function fail(ctx: RequestContext, error: ProxyError): string {
  const earlier = ctx.response;
  if (earlier === null || earlier instanceof ProxyAnswer) {
    const head = { status: error.status, reason: '', headers: new HeaderList() };
    ctx.response = new ProxyAnswer(head, null, baseOf(earlier));
  } else {
    earlier.status = error.status;
    earlier.reason = '';
  }
  ctx.fail(error);
  return resultOf(error);
}

/** Reference 3.1.6. */
function resultOf(error: ProxyError): string {
  if (error.source === 'downstream') return 'clientError';
  if (error.source === 'internal') return 'internalError';
  const { code } = error;
  if (code === 'UpstreamTimeout') return 'timeout';
  return code === 'NoEndpoint' || code === 'UpstreamTooLarge' ? 'internalError' : 'serverError';
}
