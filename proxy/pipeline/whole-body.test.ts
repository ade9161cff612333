import { describe, expect, it } from 'vitest';
import { BodyProbe, SinkProbe } from '#test/support/body-probe.ts';
import { testRequest } from '#test/support/pipeline-kit.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { PipelineResponse } from './filter.ts';
import { maxWholeBody, wholeRequest, wholeResponse } from './whole-body.ts';

function answerWith(body: BodyProbe): PipelineResponse {
  return { status: 200, reason: '', headers: new HeaderList(), body };
}

/** What `done` was called with, in words. */
function outcome(got: string[]) {
  return (error: ProxyError | null, data: Buffer) => got.push(error === null ? data.toString() : error.code);
}

describe('the whole of a body', () => {
  it('is read once and put back for those who come later', () => {
    const body = new BodyProbe();
    const request = testRequest('/', { body });
    const got: string[] = [];
    wholeRequest(request, outcome(got));
    expect(request.body).toBeNull();
    body.push('ab');
    body.push('cd');
    body.sink?.end(null);
    wholeRequest(request, outcome(got));
    expect(got).toEqual(['abcd', 'abcd']);
    const sink = new SinkProbe();
    request.body?.start(sink);
    expect(sink.got).toEqual(['abcd', 'end']);
    expect(request.body?.length).toBe(4);
  });

  it('keeps trailers', () => {
    const body = new BodyProbe();
    const response = answerWith(body);
    wholeResponse(response, () => {});
    const trailers = HeaderList.of(['x-sum', '1']);
    body.push('a');
    body.sink?.end(trailers);
    let seen: HeaderList | null = null;
    response.body?.start({ chunk() {}, end: (list) => (seen = list), error() {} });
    expect(seen).toBe(trailers);
  });

  it('is empty without a body', () => {
    const got: string[] = [];
    wholeRequest(testRequest(), outcome(got));
    expect(got).toEqual(['']);
  });

  it.each([
    ['declared', new BodyProbe(maxWholeBody + 1)],
    ['counted', new BodyProbe()],
  ])('of a request over 4 MiB, %s, is 413', (_, body) => {
    const request = testRequest('/', { body });
    const errors: (ProxyError | null)[] = [];
    wholeRequest(request, (error) => errors.push(error));
    body.sink?.chunk(Buffer.alloc(maxWholeBody));
    body.sink?.chunk(Buffer.alloc(1));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'PayloadTooLarge', status: 413 });
    expect(body.cancels).toBe(1);
    expect(request.body).toBeNull();
  });

  it('of a response over the bound is 500, and the upstream is to blame', () => {
    const body = new BodyProbe();
    const errors: (ProxyError | null)[] = [];
    wholeResponse(answerWith(body), (error) => errors.push(error), 3);
    body.push('abcd');
    expect(errors[0]).toMatchObject({ code: 'UpstreamTooLarge', status: 500, source: 'upstream' });
  });

  it('that breaks off gives its own cause', () => {
    const body = new BodyProbe();
    const got: string[] = [];
    wholeResponse(answerWith(body), outcome(got));
    body.push('a');
    body.sink?.error(new ProxyError('UpstreamReset', 'reset'));
    expect(got).toEqual(['UpstreamReset']);
  });
});
