// A request that fails, as a value. The error carries who is to blame and whether another attempt is allowed, so
// that log level, metric label and retry follow from it and not from the place that caught it. It is never shown
// to a client: the client gets `status` and an empty body.

export type ErrorSource = 'downstream' | 'upstream' | 'internal';

/** `never`; `idempotent`: only for idempotent methods (RFC 9110 9.2.2); `unsent`: nothing reached the upstream. */
export type RetryAdvice = 'never' | 'idempotent' | 'unsent';

/** The closed set of causes. `layer` is what the access log prints: the room that made the answer. */
export const proxyErrors = {
  // downstream: the client's doing
  BadRequest: { status: 400, source: 'downstream', layer: 'listener' },
  RequestTimeout: { status: 408, source: 'downstream', layer: 'listener' },
  PayloadTooLarge: { status: 413, source: 'downstream', layer: 'listener' },
  UriTooLong: { status: 414, source: 'downstream', layer: 'listener' },
  ExpectationFailed: { status: 417, source: 'downstream', layer: 'listener' },
  HeadersTooLarge: { status: 431, source: 'downstream', layer: 'listener' },
  MethodNotImplemented: { status: 501, source: 'downstream', layer: 'listener' },
  VersionNotSupported: { status: 505, source: 'downstream', layer: 'listener' },
  ClientAbort: { status: 499, source: 'downstream', layer: 'listener' },
  // router
  NoRoute: { status: 404, source: 'downstream', layer: 'router' },
  MethodNotAllowed: { status: 405, source: 'downstream', layer: 'router' },
  ConditionFailed: { status: 400, source: 'downstream', layer: 'router' },
  /** RFC 9110 15.5.20. */
  Misdirected: { status: 421, source: 'downstream', layer: 'router' },
  IpDenied: { status: 403, source: 'downstream', layer: 'router' },
  RouteUnavailable: { status: 503, source: 'internal', layer: 'router' },
  // pipeline
  NoResponse: { status: 503, source: 'internal', layer: 'pipeline' },
  RateLimited: { status: 429, source: 'downstream', layer: 'pipeline' },
  FilterFailed: { status: 500, source: 'internal', layer: 'pipeline' },
  // upstream
  NoEndpoint: { status: 503, source: 'upstream', layer: 'upstream' },
  ConnectFailed: { status: 503, source: 'upstream', layer: 'upstream' },
  ConnectTimeout: { status: 503, source: 'upstream', layer: 'upstream' },
  ConnectForbidden: { status: 503, source: 'upstream', layer: 'upstream' },
  TlsFailed: { status: 503, source: 'upstream', layer: 'upstream' },
  UpstreamReset: { status: 503, source: 'upstream', layer: 'upstream' },
  UpstreamTimeout: { status: 408, source: 'upstream', layer: 'upstream' },
  UpstreamProtocol: { status: 502, source: 'upstream', layer: 'upstream' },
  UpstreamTooLarge: { status: 500, source: 'upstream', layer: 'upstream' },
  PoolExhausted: { status: 503, source: 'internal', layer: 'upstream' },
  // internal
  Internal: { status: 500, source: 'internal', layer: 'internal' },
  ShuttingDown: { status: 503, source: 'internal', layer: 'listener' },
  Overloaded: { status: 503, source: 'internal', layer: 'listener' },
} as const satisfies Record<string, { status: number; source: ErrorSource; layer: string }>;

export type ProxyErrorCode = keyof typeof proxyErrors;

export class ProxyError extends Error {
  readonly code: ProxyErrorCode;
  readonly status: number;
  readonly source: ErrorSource;
  readonly layer: string;
  readonly retry: RetryAdvice;

  /** `detail` is for the access log; it must not hold secrets. */
  constructor(
    code: ProxyErrorCode,
    detail: string,
    options: { retry?: RetryAdvice; cause?: unknown; status?: number } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    const entry = proxyErrors[code];
    this.name = 'ProxyError';
    this.code = code;
    this.status = options.status ?? entry.status;
    this.source = entry.source;
    this.layer = entry.layer;
    this.retry = options.retry ?? 'never';
  }
}
