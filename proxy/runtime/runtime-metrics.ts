// The proxy's own figures beside those of requests: what it has, what went wrong, how stale it is.

import { proxyErrors } from '#proxy/exchange/error.ts';
import type { Metrics } from '#proxy/process/metrics.ts';
import { threadCell } from '#proxy/process/series.ts';
import { errorCodes } from './failures.ts';
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

export function registerStreamMetrics(metrics: Metrics, source: { status(): StreamStatus }): void {
  metrics.gauge({ name: 'easegress_proxy_operator_connected', help: '1 while an operator is connected.' }, () =>
    source.status().connected ? 1 : 0,
  );
  metrics.counter(
    { name: 'easegress_proxy_operator_connects_total', help: 'Attempts to connect to an operator.' },
    () => source.status().attempts,
  );
}
