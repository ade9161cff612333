// The interface of an upstream: a named group of endpoints that takes one request and gives one answer. Balancing,
// pools of connections, a retry on a dead keep-alive connection and time-outs are inside; a second attempt that the
// pipeline's policies want is a second send().

import type { Body, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

export interface UpstreamRequest extends RequestHead {
  body: Body | null;
  /** Present when the request asks for an upgrade; started by the upstream when the answer is 101. */
  tunnel: Body | null;
}

export interface UpstreamCallbacks {
  /** Interim answers, but 100 which the client role consumes and 101 which is final. */
  inform(status: number, headers: HeaderList): void;
  /** The final head. `body` is null when the answer has none; its owner is whoever gets it here. */
  head(head: ResponseHead, body: Body | null): void;
  /** Instead of head(); afterwards nothing is called any more. A failure after head() is told by the body. */
  error(cause: ProxyError): void;
}

export interface UpstreamCall {
  /** `host:port` it went to, `` while none was chosen. For log and metrics. */
  readonly endpoint: string;
  /** Gives up: the connection is closed unless the exchange had ended cleanly. Never counts against the upstream. */
  cancel(cause: ProxyError): void;
}

export interface Upstream {
  readonly name: string;
  readonly title: string;
  /** Callbacks may be called before send() returns. */
  send(request: UpstreamRequest, callbacks: UpstreamCallbacks): UpstreamCall;
}
