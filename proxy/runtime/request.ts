// The life of a request, from the listener's exchange to the record for log and metrics:
//
//   refuse what no gateway serves ─▶ real IP ─▶ owner by host ─▶ rule and path ─▶ body limit ─▶ change the head
//        501, 405, 503, 421                      404              403 400 404 405    413
//   ─▶ before, pipeline, after ─▶ onResponse callbacks ─▶ answer of namespace DEFAULT ─▶ record
//        503 while not built                                503 without one
//
// Every answer that is made here has an empty body and says nothing about the inside; the record names the layer.
// Nothing is kept between requests but what the listener's runtime holds; that is read once per request, so a request
// sees one generation from end to end.

import type { Exchange, ExchangeHandler } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { overBudget } from '#proxy/exchange/memory-budget.ts';
import type { PipelineInstance } from '#proxy/pipeline/pipeline.ts';
import type { CidrSet } from '#proxy/primitives/ip.ts';
import type { OwnerRouter } from '#proxy/router/owner.ts';
import type { PipelineSlot } from '#proxy/router/pipeline-slot.ts';
import { hostOf } from '#proxy/router/host.ts';
import { RouteMatch } from '#proxy/router/route-match.ts';
import { realIp } from '#proxy/router/real-ip.ts';
import type { RequestObserver } from './record.ts';
import { RequestRun, internalError } from './request-run.ts';
import { prepareRequest } from './request-head.ts';
import { allowedMethods, isAcmeChallenge, maxForwards } from './request-rules.ts';

/** What the request path needs of the listener that a request came in on. */
export interface ListenerRuntime {
  /** Name of its unit. */
  readonly name: string;
  /** The owners of today; the runtime swaps it. */
  readonly hosts: { choose(authority: string): OwnerRouter<PipelineInstance> | null };
  /** Pipelines that owners name in `before` and `after`. */
  slot(name: string): PipelineSlot<PipelineInstance> | undefined;
  /** Which certificate of the listener stands for a host; absent where there can be no TLS. */
  readonly certificateOf?: (host: string) => string | null;
  readonly observer: RequestObserver;
  /** A request was refused because the thread keeps too much in memory. */
  readonly onShed?: () => void;
  /** Peers whose forwarding headers count. */
  readonly trustedPeers: CidrSet;
  /** performance.now(), the clock of Exchange.startedAt. */
  now(): number;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

export function createRequestHandler(listener: ListenerRuntime): ExchangeHandler {
  // A look-up and all that reads it are synchronous, so one match serves all requests of the listener.
  const match = new RouteMatch<PipelineInstance>();
  return (exchange) => {
    const address = realIp(exchange.head, exchange.peer.address, listener.trustedPeers);
    const run = new RequestRun(listener, exchange, address);
    try {
      serve(listener, exchange, run, match);
    } catch (error) {
      run.break(internalError(error));
    }
  };
}

function serve(
  listener: ListenerRuntime,
  exchange: Exchange,
  run: RequestRun,
  match: RouteMatch<PipelineInstance>,
): void {
  const { head } = exchange;
  const { method, target } = head;
  if (overBudget()) {
    listener.onShed?.();
    return run.refuse('Overloaded', HeaderList.of(['Retry-After', '1']));
  }
  if (method === 'TRACE') return run.refuse('MethodNotAllowed', allowedMethods());
  if (method === 'CONNECT') return run.refuse('MethodNotImplemented');
  if (target === '*') return run.respondEmpty(204, allowedMethods());
  if (isAcmeChallenge(target)) return run.refuse('RouteUnavailable');
  if (misdirected(listener, exchange)) return run.refuse('Misdirected');

  const owner = listener.hosts.choose(head.authority);
  if (owner === null) return run.refuse('NoRoute');
  const refusal = owner.route(head, run.realIp, match);
  run.noteRoute(match);
  // The decoded path is known only now; no spelling of it reaches the rules.
  if (isAcmeChallenge(match.text)) return run.refuse('RouteUnavailable');
  if (refusal !== null) return run.refuse(refusal);

  const main = match.slot?.current ?? null;
  if (main === null) return run.refuse('RouteUnavailable');
  const { before, after, fallthrough } = owner.content;
  if (!run.usePipelines(main, pipelineOf(listener, before), pipelineOf(listener, after), fallthrough)) {
    return run.refuse('RouteUnavailable');
  }
  if (method === 'OPTIONS') {
    // RFC 9110 7.6.2: at 0 the request is for us, else one hop less is left.
    const left = maxForwards(head.headers);
    if (left === 0) return run.respondEmpty(204, allowedMethods());
    if (left > 0) head.headers.set('Max-Forwards', String(left - 1));
  }
  const request = prepareRequest(exchange, match, run.realIp, listener.trustedPeers);
  run.start(request, match.clientMaxBodySize);
}

/**
 * RFC 9110 15.5.20: the connection was made for a host with another certificate. That the default one was served, which
 * lacks the name, is no reason; nor is a client that named no host.
 */
function misdirected({ certificateOf }: ListenerRuntime, { head, peer }: Exchange): boolean {
  const servername = peer.tls?.servername ?? '';
  if (servername === '' || certificateOf === undefined) return false;
  const host = hostOf(head.authority);
  return host !== null && host !== '' && host !== servername && certificateOf(host) !== certificateOf(servername);
}

/** null = the owner names none; undefined = it names one that there is no build of. */
function pipelineOf(listener: ListenerRuntime, name: string | null): PipelineInstance | null | undefined {
  if (name === null) return null;
  return listener.slot(name)?.current ?? undefined;
}
