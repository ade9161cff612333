import { describe, expect, it } from 'vitest';
import { BodyProbe, SinkProbe } from '#test/support/body-probe.ts';
import type { Script } from '#test/support/pipeline-kit.ts';
import { RequestWorld, type WorldText, answer } from '#test/support/request-world.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body } from '#proxy/exchange/exchange.ts';
import { pending } from '#proxy/pipeline/filter.ts';

const ok = { main: answer(200) };

describe('the limit of a request body', () => {
  const limit = { owner: { clientMaxBodySize: 4 } };

  it.each<[string, WorldText, number, number]>([
    ["the owner's", limit, 5, 413],
    ["the owner's, kept", limit, 4, 200],
    ["the path's instead", { ...limit, paths: [{ clientMaxBodySize: 2 }] }, 3, 413],
    ['none below zero', { ...limit, paths: [{ clientMaxBodySize: -1 }] }, 1e9, 200],
    ['4 MiB by default', { owner: { clientMaxBodySize: 0 } }, 4_194_305, 413],
    ['4 MiB by default, kept', { owner: { clientMaxBodySize: 0 } }, 4_194_304, 200],
  ])('%s, declared', (_, text, length, status) => {
    const world = new RequestWorld({ scripts: ok, ...text });
    const body = new BodyProbe(length);
    expect(world.send({ method: 'POST' }, body).answer?.status).toBe(status);
    expect(body.calls).toEqual([]);
    expect(world.record.traces).toHaveLength(status === 413 ? 0 : 1);
    expect(world.record.error).toBe(status === 413 ? 'PayloadTooLarge' : null);
    expect(world.record.tags).toEqual(status === 413 ? ['bodyLimit'] : []);
  });

  /** A filter that reads the body like an upstream: fails with 503 when the body breaks off. */
  const upload =
    (sink: SinkProbe, early: boolean, answerBody: Body | null = null): Script =>
    (ctx) => {
      let ended = false;
      const end = (status: number, result: string): void => {
        if (ended) return;
        ended = true;
        ctx.complete(answer(status, result, answerBody)(ctx) as string);
      };
      ctx.onAbort = () => end(499, 'failed');
      ctx.request?.body?.start({
        chunk: (data) => sink.chunk(data),
        end: () => sink.end(),
        error: (cause) => {
          sink.error(cause);
          end(503, 'failed');
        },
      });
      if (early) end(200, '');
      return pending;
    };

  it('crossed midway resets the upstream and answers 413', () => {
    const body = new BodyProbe();
    const sink = new SinkProbe();
    const world = new RequestWorld({ ...limit, scripts: { main: upload(sink, false) } });
    const exchange = world.send({ method: 'POST' }, body);
    body.push('abc');
    expect(exchange.answer).toBeNull();
    body.push('de');
    expect(sink.got).toEqual(['abc', 'error PayloadTooLarge']);
    expect(body.cancels).toBe(1);
    expect(exchange.answer?.status).toBe(413);
    expect(exchange.answer?.headers.length).toBe(0);
    expect(world.record).toMatchObject({ status: 413, error: 'PayloadTooLarge', tags: ['bodyLimit'] });
  });

  it('crossed midway ends the flow of a filter that takes no notice', () => {
    const body = new BodyProbe();
    const ignore: Script = (ctx) => {
      ctx.request?.body?.start({ chunk() {}, end() {}, error() {} });
      return pending;
    };
    const world = new RequestWorld({ ...limit, scripts: { main: ignore } });
    const exchange = world.send({ method: 'POST' }, body);
    body.push('abcde');
    expect([exchange.answer?.status, world.record.error]).toEqual([413, 'PayloadTooLarge']);
  });

  it('crossed while the answer already flows breaks both off', () => {
    const body = new BodyProbe();
    const answerBody = new BodyProbe();
    const sink = new SinkProbe();
    const world = new RequestWorld({ ...limit, scripts: { main: upload(sink, true, answerBody) } });
    const exchange = world.send({ method: 'POST' }, body);
    body.push('abcde');
    expect(sink.got).toEqual(['error PayloadTooLarge']);
    answerBody.sink?.error(new ProxyError('UpstreamReset', 'request broke off'));
    expect([exchange.answer?.status, exchange.ended]).toEqual([200, 'UpstreamReset']);
    expect(world.record).toMatchObject({ status: 200, error: 'PayloadTooLarge', tags: ['bodyLimit'] });
  });
});
