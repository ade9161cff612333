// Which causes of failure are counted, and in which cells: all of them for requests, by code and layer; those of the
// upstream layer once more for each upstream. Both sets are closed, so neither can grow with traffic.

import { proxyErrors, type ProxyErrorCode } from '#proxy/exchange/error.ts';
import { addOne, cell, type SeriesHandle } from '#proxy/process/series.ts';

export const errorCodes = Object.keys(proxyErrors) as readonly ProxyErrorCode[];

/** What a call of an upstream fails with by the upstream's doing. */
export const upstreamReasons: readonly ProxyErrorCode[] = errorCodes.filter(
  (code) => proxyErrors[code].layer === 'upstream',
);

const errorCells = new Map(errorCodes.map((code, index) => [code, index]));
const reasonCells = new Map(upstreamReasons.map((code, index) => [code, cell.failure + index]));

/** A request that ended with an error. */
export function countError(errors: SeriesHandle, code: ProxyErrorCode): void {
  const index = errorCells.get(code);
  if (index !== undefined) addOne(errors, index);
}

/** A call of an upstream that failed; a client that left is none of its failures. */
export function countFailure(upstream: SeriesHandle, code: ProxyErrorCode): void {
  const index = reasonCells.get(code);
  if (index !== undefined) addOne(upstream, index);
}
