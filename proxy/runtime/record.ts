// All facts of one request, for access log and metrics. The request path fills it in as it learns them and hands it
// to the observer once, when the exchange is over. The observer must not keep it or any list of it.

import type { ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { Peer } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { UpstreamNote } from '#proxy/pipeline/filter.ts';
import type { PipelineTrace } from '#proxy/pipeline/trace.ts';

export interface RequestRecord {
  /** Name of the listener's unit. */
  listener: string;
  /** Name of the owner's unit, `` when none claims the host. */
  owner: string;
  /** Name of the rule's unit and index of its path; `` and -1 when no route was found. */
  rule: string;
  pathIndex: number;
  /** Name of the pipeline's unit and what people call it; `` when none ran. */
  pipeline: string;
  pipelineTitle: string;
  /** Format of the owner, `` = the default one. */
  accessLogFormat: string;

  // As received, before filters and rewriting.
  method: string;
  target: string;
  authority: string;
  scheme: string;
  version: string;
  peer: Peer;
  realIp: string;
  /** As they are at the end: filters may have changed them. */
  requestHeaders: HeaderList;
  /** null when no answer was sent. */
  responseHeaders: HeaderList | null;

  /** 499 when the client left before the answer's head; 0 when the connection broke without one. */
  status: number;
  /** Why the answer is not what an upstream or filter meant to say; null for a clean end. */
  error: ProxyErrorCode | null;
  /** `listener`, `router`, `pipeline`, `upstream`, `internal`; `` without an error. */
  errorLayer: string;
  errorDetail: string;

  /** Milliseconds since 1970 when the request's head was complete. */
  time: number;
  durationMs: number;
  bytesIn: number;
  bytesOut: number;
  traces: readonly PipelineTrace[];
  tags: readonly string[];
  upstreams: readonly UpstreamNote[];
}

export interface RequestObserver {
  done(record: RequestRecord): void;
}
