import { describe, expect, it } from 'vitest';
import { BodyProbe, SinkProbe } from '#test/support/body-probe.ts';
import { BufferBody } from '#proxy/exchange/body.ts';
import type { ProxyError } from '#proxy/exchange/error.ts';
import { LimitedBody, declaredOver, needsCounting } from './limited-body.ts';

function limited(source: BodyProbe, bytes: number) {
  const told: ProxyError[] = [];
  const body = new LimitedBody(source, { bytes, code: 'PayloadTooLarge', exceeded: (error) => told.push(error) });
  return { body, told, sink: new SinkProbe() };
}

describe('a limited body', () => {
  it('passes what fits, to the last byte', () => {
    const source = new BodyProbe();
    const { body, told, sink } = limited(source, 4);
    body.start(sink);
    source.push('ab');
    source.push('cd');
    source.sink?.end(null);
    expect(sink.got).toEqual(['ab', 'cd', 'end']);
    expect(told).toEqual([]);
    expect(source.cancels).toBe(0);
  });

  it('cancels the source where the limit is crossed, tells first, and lets nothing more through', () => {
    const source = new BodyProbe();
    const { body, told, sink } = limited(source, 4);
    body.start(sink);
    source.push('abc');
    source.push('de');
    source.push('f');
    source.sink?.end(null);
    expect(sink.got).toEqual(['abc', 'error PayloadTooLarge']);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ code: 'PayloadTooLarge', status: 413 });
    expect([source.cancels, source.cancelCause]).toEqual([1, told[0]]);
  });

  it('refuses a declared length over the limit before anything is read', () => {
    const source = new BodyProbe(5);
    const { body, told, sink } = limited(source, 4);
    body.start(sink);
    expect(sink.got).toEqual(['error PayloadTooLarge']);
    expect(source.calls).toEqual([]);
    expect(source.cancels).toBe(1);
    expect(told).toHaveLength(1);
  });

  it('has no limit below zero', () => {
    const source = new BodyProbe();
    const { body, sink } = limited(source, -1);
    body.start(sink);
    source.push('x'.repeat(100));
    source.sink?.end(null);
    expect(sink.got.at(-1)).toBe('end');
  });

  it('hands pause, resume and cancel on until it is over', () => {
    const source = new BodyProbe();
    const { body, sink } = limited(source, 1);
    body.start(sink);
    body.pause();
    body.resume();
    source.push('ab');
    body.pause();
    body.cancel(null);
    expect(source.calls).toEqual(['start', 'pause', 'resume']);
    expect(source.cancels).toBe(1);
  });

  it('passes a broken source on as it is', () => {
    const source = new BodyProbe();
    const { body, sink, told } = limited(source, 1);
    body.start(sink);
    source.sink?.error({ code: 'ClientAbort' } as ProxyError);
    expect(sink.got).toEqual(['error ClientAbort']);
    expect(told).toEqual([]);
  });

  it('works with a body that delivers everything while it is started', () => {
    const sink = new SinkProbe();
    new LimitedBody(new BufferBody(Buffer.from('abcde')), { bytes: 5, code: 'UpstreamTooLarge' }).start(sink);
    expect(sink.got).toEqual(['abcde', 'end']);
  });
});

describe('what must be counted', () => {
  it.each([
    [5, 4, true, false],
    [4, 4, false, false],
    [0, 0, false, false],
    [-1, 4, false, true],
    [-1, 0, false, true],
    [5, -1, false, false],
    [-1, -1, false, false],
  ])('length %i under limit %i: refused %s, counted %s', (length, limit, over, counted) => {
    const body = new BodyProbe(length);
    expect(declaredOver(body, limit)).toBe(over);
    expect(needsCounting(body, limit)).toBe(counted);
  });

  it('is nothing without a body', () => {
    expect(declaredOver(null, 0)).toBe(false);
    expect(needsCounting(null, 0)).toBe(false);
  });
});
