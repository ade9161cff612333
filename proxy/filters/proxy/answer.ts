// What becomes of the response that was in the namespace before. Easegress merges header sets and so piles up those
// of earlier attempts; here every answer starts from what was there before the first of them.

import type { Body } from '#proxy/exchange/exchange.ts';
import { HeaderList, sameName } from '#proxy/exchange/headers.ts';
import type { ResponseHead } from '#proxy/exchange/exchange.ts';
import type { PipelineResponse } from '#proxy/pipeline/filter.ts';

/** A response made by a Proxy filter, which remembers the headers it started from. */
export class ProxyAnswer implements PipelineResponse {
  status: number;
  reason: string;
  headers: HeaderList;
  body: Body | null;
  /** Headers of a response that some other filter had made, or null. */
  readonly base: HeaderList | null;

  constructor(head: ResponseHead, body: Body | null, base: HeaderList | null) {
    this.status = head.status;
    this.reason = head.reason;
    this.headers = base === null ? head.headers : merge(base, head.headers);
    this.body = body;
    this.base = base;
  }
}

/** Headers that an answer starts from when `earlier` is in the namespace. */
export function baseOf(earlier: PipelineResponse | null): HeaderList | null {
  if (earlier === null) return null;
  return earlier instanceof ProxyAnswer ? earlier.base : earlier.headers;
}

/** `Access-Control-*` of the upstream replaces, everything else is added. */
function merge(base: HeaderList, headers: HeaderList): HeaderList {
  const merged = new HeaderList();
  for (let i = 0; i < base.length; i++) {
    const name = base.names[i] as string;
    if (describesBody(name) || (isAccessControl(name) && headers.has(name.toLowerCase()))) continue;
    merged.append(name, base.values[i] as string);
  }
  for (let i = 0; i < headers.length; i++) merged.append(headers.names[i] as string, headers.values[i] as string);
  return merged;
}

function isAccessControl(name: string): boolean {
  return name.length > 15 && sameName(name.slice(0, 15), 'access-control-');
}

/** Fields that are about the body which the upstream's replaces. */
function describesBody(name: string): boolean {
  return bodyFields.has(name.toLowerCase());
}

const bodyFields: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
]);
