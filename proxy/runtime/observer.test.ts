import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { SeriesPages, cell, firstSlot, pageBytes, threadCell } from '#proxy/process/series.ts';
import { errorCodes, upstreamReasons } from './failures.ts';
import { LogWriter } from './log-writer.ts';
import { countLines, createObserver } from './observer.ts';
import type { RequestRecord } from './record.ts';

const record: RequestRecord = {
  listener: 'listener/a',
  owner: 'owner/a',
  rule: 'rule/a/0',
  pathIndex: 0,
  pipeline: 'pipeline/a',
  pipelineTitle: 'a',
  accessLogFormat: '',
  method: 'GET',
  target: '/x',
  authority: 'a',
  scheme: 'http',
  version: '1.1',
  peer: { address: '192.0.2.1', port: 1, localAddress: '192.0.2.2', localPort: 2 },
  realIp: '192.0.2.1',
  requestHeaders: new HeaderList(),
  responseHeaders: null,
  status: 503,
  error: 'ConnectFailed',
  errorLayer: 'upstream',
  errorDetail: 'ECONNREFUSED',
  time: 0,
  durationMs: 1,
  bytesIn: 10,
  bytesOut: 20,
  traces: [],
  tags: [],
  upstreams: [
    { upstream: 'upstream/a', title: 'a#main', endpoint: 'x:1', status: 0, durationMs: 1, error: 'ConnectFailed' },
    { upstream: 'upstream/a', title: 'a#main', endpoint: 'x:2', status: 503, durationMs: 1, error: null },
  ],
};

const names = ['listener/a', 'owner/a', 'rule/a/0', 'pipeline/a', 'upstream/a'];

function createSeries(): SeriesPages {
  const series = new SeriesPages(new SharedArrayBuffer(pageBytes));
  names.forEach((name, index) => series.assign(name, index + firstSlot));
  return series;
}

/** Counts by class of code: none, 1xx … 5xx. */
function codes(series: SeriesPages, name: string): number[] {
  const { cells, base } = series.handle(name);
  return [...cells.subarray(base + cell.code, base + cell.code + 6)];
}

describe('the observer of requests', () => {
  const file = path.join(tmpdir(), `observer-${process.pid}.log`);
  afterEach(() => {
    rmSync(file, { force: true });
  });

  it('counts for everything that took part, each call of an upstream by itself', () => {
    const series = createSeries();
    createObserver(series, null, 'text').done(record);
    for (const name of names.slice(0, 4)) expect(codes(series, name)).toEqual([0, 0, 0, 0, 0, 1]);
    expect(codes(series, 'upstream/a')).toEqual([1, 0, 0, 0, 0, 1]);
  });

  it('counts the error of a request, and of a call what was the upstream’s failure', () => {
    const series = createSeries();
    const observer = createObserver(series, null, 'text');
    observer.done(record);
    const given = { upstream: 'upstream/a', title: '', endpoint: '', status: 0, durationMs: 1 };
    observer.done({ ...record, error: 'ClientAbort', upstreams: [{ ...given, error: 'ClientAbort' }] });
    observer.done({ ...record, error: null, upstreams: [] });
    const { cells, base } = series.errors;
    const errors = errorCodes.filter((_, index) => cells[base + index] === 1);
    expect(errors).toEqual(['ClientAbort', 'ConnectFailed']);
    const upstream = series.handle('upstream/a');
    const failures = upstream.cells.subarray(upstream.base + cell.failure, upstream.base + cell.perSlot);
    expect(upstreamReasons.filter((_, index) => failures[index] === 1)).toEqual(['ConnectFailed']);
    expect(failures.reduce((sum, value) => sum + value, 0)).toBe(1);
  });

  it('has a cell for every error and every reason', () => {
    expect(errorCodes.length).toBeLessThanOrEqual(cell.perSlot);
    expect(upstreamReasons.length).toBeLessThanOrEqual(cell.perSlot - cell.failure);
  });

  it('counts nothing for what took no part', () => {
    const series = createSeries();
    createObserver(series, null, 'text').done({ ...record, owner: '', rule: '', pipeline: '', upstreams: [] });
    for (const name of names.slice(1)) expect(codes(series, name)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  for (const format of ['text', 'json'] as const) {
    it(`writes one ${format} line that names the layer, and counts it`, async () => {
      const series = createSeries();
      const writer = new LogWriter({ place: file, counted: countLines(series), troubled: () => undefined });
      createObserver(series, writer, format).done(record);
      await writer.close();
      const lines = readFileSync(file, 'utf8').split('\n');
      expect(lines.length).toBe(2);
      expect(lines[0]).toContain('upstream');
      expect(lines[0]).toContain('ConnectFailed');
      expect(lines[0]?.startsWith('{')).toBe(format === 'json');
      expect(series.thread.cells[series.thread.base + threadCell.logLines]).toBe(1);
    });
  }
});
