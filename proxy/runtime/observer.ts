// What happens when a request is over: it is counted for its listener, owner, route, pipeline, upstreams and error, and its
// line goes to the access log. Called once per request by the request path; costs a few look-ups and additions.

import { count, threadCell, type SeriesPages } from '#proxy/process/series.ts';
import { formatJson } from './access-log-json.ts';
import { formatText } from './access-log-text.ts';
import { countError, countFailure } from './failures.ts';
import type { LogWriter } from './log-writer.ts';
import type { RequestObserver, RequestRecord } from './record.ts';

export type AccessLogFormat = 'text' | 'json';

export function createObserver(series: SeriesPages, log: LogWriter | null, format: AccessLogFormat): RequestObserver {
  return {
    done(record) {
      countAll(record, series);
      if (log === null) return;
      log.line(format === 'json' ? formatJson(record) : formatText(record, record.accessLogFormat));
    },
  };
}

/** For LogWriter: lines written and dropped, among the thread's own counters. */
export function countLines(series: SeriesPages): (written: number, dropped: number) => void {
  const { cells, base } = series.thread;
  return (written, dropped) => {
    cells[base + threadCell.logLines] = (cells[base + threadCell.logLines] as number) + written;
    cells[base + threadCell.logLinesDropped] = (cells[base + threadCell.logLinesDropped] as number) + dropped;
  };
}

function countAll(record: RequestRecord, series: SeriesPages): void {
  count(series.handle(record.listener), record);
  if (record.owner !== '') count(series.handle(record.owner), record);
  if (record.rule !== '') count(series.handle(record.rule), record);
  if (record.pipeline !== '') count(series.handle(record.pipeline), record);
  if (record.error !== null) countError(series.errors, record.error);
  for (const note of record.upstreams) {
    const upstream = series.handle(note.upstream);
    if (note.error !== null) countFailure(upstream, note.error);
    count(upstream, {
      status: note.status,
      durationMs: note.durationMs,
      bytesIn: 0,
      bytesOut: 0,
    });
  }
}
