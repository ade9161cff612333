// The proxy's own figures beside those of requests: what it has, what went wrong, how stale it is.

import type { WireUnit } from '#proxy/contract/messages.ts';
import { proxyErrors } from '#proxy/exchange/error.ts';
import type { Metrics } from '#proxy/process/metrics.ts';
import { threadCell, turnedAwayCells } from '#proxy/process/series.ts';
import { errorCodes } from './failures.ts';
import type { Runtime } from './runtime.ts';
import { labelOf } from './series-names.ts';
import type { StreamStatus } from '#proxy/sources/source.ts';
import type { Serving } from './serving.ts';

export function registerMetrics(metrics: Metrics, { runtime, series }: Serving): void {
  metrics.collect(series.collect);
  metrics.gauge({ name: 'easegress_http_connections', help: 'Open connections of clients.' }, () =>
    [...runtime.memory.openConnections()].map(([name, count]) => [
      { listener: labelOf({ kind: 'listener', name }) },
      count,
    ]),
  );
  metrics.counter(
    {
      name: 'easegress_http_connections_turned_away_total',
      help: 'Connections that were closed before anything was read of what they want.',
    },
    () => Object.entries(turnedAwayCells).map(([reason, index]) => [{ reason }, series.threadTotal(index)]),
  );
  metrics.counter(
    { name: 'easegress_upstream_stalled_answers_total', help: 'Answers broken off: their body stood still too long.' },
    () => series.threadTotal(threadCell.stalledAnswers),
  );
  metrics.counter(
    { name: 'easegress_shed_total', help: 'Requests, and slow heads of some, refused over the budget of memory.' },
    () => [
      [{ what: 'request' }, series.threadTotal(threadCell.shedRequests)],
      [{ what: 'head' }, series.threadTotal(threadCell.shedHeads)],
    ],
  );
  metrics.counter(
    { name: 'easegress_http_errors_total', help: 'Requests that ended with an error, by cause and by who found it.' },
    () => errorCodes.map((code, index) => [{ code, layer: proxyErrors[code].layer }, series.errorTotal(index)]),
  );
  metrics.gauge(
    { name: 'easegress_proxy_units', help: 'Units that the proxy runs.' },
    () => runtime.units.accepted.size,
  );
  metrics.gauge(
    { name: 'easegress_proxy_rejected_units', help: 'Units that the proxy was offered last and cannot run.' },
    () => runtime.units.rejected.size,
  );
  metrics.gauge({ name: 'easegress_proxy_ready', help: '1 when the proxy is ready.' }, () =>
    runtime.notReady() === null ? 1 : 0,
  );
  metrics.gauge(
    { name: 'easegress_proxy_stale', help: '1 while the proxy serves units from disk and no operator has answered.' },
    () => (runtime.stale ? 1 : 0),
  );
  metrics.gauge(
    {
      name: 'easegress_certificate_expiry_seconds',
      help: 'Seconds until the certificate ends, negative afterwards; of very many those that end first.',
    },
    () => expiries(runtime),
  );
  metrics.gauge({ name: 'easegress_proxy_threads', help: 'Data threads that serve.' }, () => runtime.threads.serving);
  metrics.counter(
    { name: 'easegress_proxy_thread_restarts_total', help: 'Data threads that ended and were started again.' },
    () => runtime.threads.restarts,
  );
  metrics.counter({ name: 'easegress_access_log_lines_total', help: 'Lines written to the access log.' }, () =>
    series.threadTotal(threadCell.logLines),
  );
  metrics.counter(
    { name: 'easegress_access_log_lines_dropped_total', help: 'Lines that the access log could not take.' },
    () => series.threadTotal(threadCell.logLinesDropped),
  );
  metrics.counter(
    { name: 'easegress_proxy_state_write_failures_total', help: 'Failed writes of the units to disk.' },
    () => runtime.diskFailures,
  );
  metrics.gauge({ name: 'easegress_metrics_names', help: 'Names that requests are counted for.' }, () => series.size);
  metrics.gauge(
    { name: 'easegress_metrics_names_refused', help: 'Names that requests are not counted for: there are too many.' },
    () => series.refused,
  );
}

const mostExpiries = 1000;

function expiries({ units }: Runtime): [labels: { certificate: string }, seconds: number][] {
  const ends: [unit: WireUnit, notAfter: number][] = [];
  for (const unit of units.accepted.values()) {
    if (unit.kind !== 'certificate') continue;
    // Not checked by a schema on this side of the threads.
    const { notAfter } = unit.content as { readonly notAfter?: unknown };
    if (typeof notAfter === 'number') ends.push([unit, notAfter]);
  }
  const now = Date.now();
  return ends
    .toSorted(([, a], [, b]) => a - b)
    .slice(0, mostExpiries)
    .map(([unit, notAfter]) => [{ certificate: labelOf(unit) }, Math.round((notAfter - now) / 1000)]);
}

export function registerStreamMetrics(metrics: Metrics, source: { status(): StreamStatus }): void {
  metrics.gauge({ name: 'easegress_proxy_operator_connected', help: '1 while an operator is connected.' }, () =>
    source.status().connected ? 1 : 0,
  );
  metrics.counter(
    { name: 'easegress_proxy_operator_connects_total', help: 'Attempts to connect to an operator.' },
    () => source.status().attempts,
  );
}
