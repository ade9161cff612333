// What the operator counts about its proxies.

import type { Metrics, Sample } from '#proxy/process/metrics.ts';
import type { PushServer } from './server.ts';
import type { SessionRow, Sessions } from './sessions.ts';

export function registerPushMetrics(metrics: Metrics, sessions: Sessions, server: PushServer): void {
  const count = (holds: (row: SessionRow) => boolean) => () => sessions.rows().filter(holds).length;
  metrics.gauge({ name: 'easegress_operator_sessions', help: 'Proxies connected.' }, () => sessions.count);
  metrics.gauge(
    { name: 'easegress_operator_sessions_quarantined', help: 'Proxies that have not acknowledged in time.' },
    count((row) => row.quarantined),
  );
  metrics.gauge(
    { name: 'easegress_operator_sessions_behind', help: 'Proxies that do not serve the newest version.' },
    count((row) => row.version !== row.wanted),
  );
  metrics.gauge({ name: 'easegress_operator_units_rejected', help: 'Units that a connected proxy has refused.' }, () =>
    sessions.rows().reduce((sum, row) => sum + Object.keys(row.rejected).length, 0),
  );
  metrics.counter(
    { name: 'easegress_operator_session_events_total', help: 'What sessions did, ended ones included.' },
    () => Object.entries(sessions.totals()).map(([event, value]): Sample => [{ event }, value]),
  );
  const { counts } = server;
  metrics.counter({ name: 'easegress_operator_push_bytes_total', help: 'Bytes of messages.' }, () => [
    [{ direction: 'out' }, counts.bytesOut],
    [{ direction: 'in' }, counts.bytesIn],
  ]);
  metrics.counter(
    { name: 'easegress_operator_push_failures_total', help: 'Connections that became no session.' },
    () => [
      [{ cause: 'refused' }, counts.refused],
      [{ cause: 'timeout' }, counts.timedOut],
      [{ cause: 'broken' }, counts.broken],
      [{ cause: 'turnedOut' }, server.newcomers.turnedOut],
    ],
  );
}
