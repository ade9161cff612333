// The request as the pipeline gets it: the client's, changed as its route says and with the headers that tell where
// it came from. The header list is the exchange's own: it has no other reader after this.

import type { Exchange, Scheme } from '#proxy/exchange/exchange.ts';
import type { PipelineRequest } from '#proxy/pipeline/filter.ts';
import type { CidrSet } from '#proxy/primitives/ip.ts';
import { applyRoute } from '#proxy/router/apply.ts';
import { writeForwarded } from '#proxy/router/forwarded.ts';
import type { RouteMatch } from '#proxy/router/route-match.ts';

export function prepareRequest<T>(
  exchange: Exchange,
  match: RouteMatch<T>,
  realIp: string,
  trusted: CidrSet,
): PipelineRequest {
  const { head, body, peer, tunnel } = exchange;
  const { authority: host, headers, scheme: received } = head;
  const isTrusted = trusted.size > 0 && trusted.has(peer.address);
  const scheme = isTrusted ? forwardedScheme(headers.get('x-forwarded-proto'), received) : received;
  const request: PipelineRequest = {
    method: head.method,
    target: head.target,
    authority: host,
    scheme,
    headers,
    body,
    tunnel,
  };
  // First what is true about the client, then what the route states: its variables see corrected headers, and a
  // header that it sets stays.
  writeForwarded(headers, { peer: peer.address, scheme: received, host }, trusted);
  applyRoute(match, request, realIp, exchange.version);
  return request;
}

/** What a trusted peer says about the client's side of it. */
function forwardedScheme(stated: string | undefined, received: Scheme): Scheme {
  if (stated === undefined) return received;
  const lower = stated.toLowerCase();
  return lower === 'http' || lower === 'https' ? lower : received;
}
