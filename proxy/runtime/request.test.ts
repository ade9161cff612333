import { describe, expect, it } from 'vitest';
import { BodyProbe, SinkProbe } from '#test/support/body-probe.ts';
import { type Script, pipelineText } from '#test/support/pipeline-kit.ts';
import { RequestWorld, type WorldText } from '#test/support/request-world.ts';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { type RequestContext, pending } from '#proxy/pipeline/filter.ts';
import { buildPipeline } from '#proxy/pipeline/pipeline.ts';

const gone = new ProxyError('ClientAbort', 'client left');

/** A script that answers with `status`. */
function answer(status: number, result = '', body: Body | null = null): Script {
  return (ctx) => {
    ctx.response = { status, reason: '', headers: new HeaderList(), body };
    return result;
  };
}

const ok = { main: answer(200) };

describe('the gateway answers by itself, empty, and names the layer', () => {
  const blocked = { blockByDefault: true, allowIPs: [], blockIPs: [] };
  it.each<[string, WorldText, Parameters<RequestWorld['send']>[0], number, string, string]>([
    ['no route', { paths: [{ path: '/a' }] }, {}, 404, 'NoRoute', 'router'],
    ['a method that is not listed', { paths: [{ methods: ['POST'] }] }, {}, 405, 'MethodNotAllowed', 'router'],
    [
      'a header condition that fails',
      { paths: [{ headers: [{ key: 'x', values: ['1'], regexp: '' }] }] },
      {},
      400,
      'ConditionFailed',
      'router',
    ],
    ['an address that is denied', { owner: { ipFilter: blocked } }, {}, 403, 'IpDenied', 'router'],
    ['a path whose pipeline is missing', { paths: [{ pipeline: null }] }, {}, 503, 'RouteUnavailable', 'router'],
    [
      'a pipeline without a build',
      { paths: [{ pipeline: 'pipeline/default/refused' }] },
      {},
      503,
      'RouteUnavailable',
      'router',
    ],
    ['a global filter without a build', { owner: { before: 'pipeline/none' } }, {}, 503, 'RouteUnavailable', 'router'],
    ['the same after the pipeline', { owner: { after: 'pipeline/none' } }, {}, 503, 'RouteUnavailable', 'router'],
    ['an ACME challenge', {}, { target: '/.well-known/acme-challenge/x' }, 503, 'RouteUnavailable', 'router'],
    [
      'one that is spelt otherwise',
      {},
      { target: '/.well%2dknown/acme-challenge/x' },
      503,
      'RouteUnavailable',
      'router',
    ],
    [
      'one to a denied address',
      { owner: { ipFilter: blocked } },
      { target: '/.well-known/acme-challenge/x?y' },
      503,
      'RouteUnavailable',
      'router',
    ],
    ['a flow without a response', { scripts: {} }, {}, 503, 'NoResponse', 'pipeline'],
    [
      'a filter that throws',
      {
        scripts: {
          main: () => {
            throw new Error('secret of the inside');
          },
        },
      },
      {},
      500,
      'FilterFailed',
      'pipeline',
    ],
    ['CONNECT', {}, { method: 'CONNECT', target: 'b.test:443' }, 501, 'MethodNotImplemented', 'listener'],
    ['TRACE', {}, { method: 'TRACE' }, 405, 'MethodNotAllowed', 'router'],
  ])('%s', (_, text, head, status, code, layer) => {
    const world = new RequestWorld({ scripts: ok, ...text });
    const exchange = world.send(head);
    expect(exchange.answer).toMatchObject({ status, reason: '' });
    expect(exchange.text).toBe('');
    expect(JSON.stringify(exchange.answer?.headers)).not.toContain('secret');
    expect(world.record).toMatchObject({ status, error: code, errorLayer: layer });
  });

  it('to a host that nobody claims', () => {
    const world = new RequestWorld({ rule: { hosts: [{ kind: 'exact', value: 'b.test' }] } });
    expect(world.send().answer?.status).toBe(404);
    expect(world.record).toMatchObject({ owner: '', rule: '', pathIndex: -1, pipeline: '', error: 'NoRoute' });
  });
});

describe('OPTIONS and TRACE', () => {
  const seen: string[] = [];
  const world = (): RequestWorld =>
    new RequestWorld({
      scripts: {
        main: (ctx) => {
          seen.push(ctx.request?.headers.get('max-forwards') ?? 'none');
          return answer(200)(ctx);
        },
      },
    });
  const options = (target: string, hops?: string): Parameters<RequestWorld['send']>[0] => ({
    method: 'OPTIONS',
    target,
    headers: hops === undefined ? new HeaderList() : HeaderList.of(['Max-Forwards', hops]),
  });

  it.each<[string, ReturnType<typeof options>, number, string[]]>([
    ['Max-Forwards: 0 is answered here (row 51)', options('/', '0'), 204, []],
    ['Max-Forwards: 5 reaches the pipeline as 4 (row 52)', options('/', '5'), 200, ['4']],
    ['no Max-Forwards stays none', options('/'), 200, ['none']],
    ['a Max-Forwards that is no number is left alone', options('/', '-1'), 200, ['-1']],
    ['* is answered here (row 53)', options('*'), 204, []],
    ['Max-Forwards of another method is left alone', { ...options('/', '0'), method: 'GET' }, 200, ['0']],
  ])('%s', (_, head, status, reached) => {
    seen.length = 0;
    const exchange = world().send(head);
    expect(exchange.answer?.status).toBe(status);
    expect(seen).toEqual(reached);
    expect(exchange.answer?.headers.has('allow')).toBe(status === 204);
  });

  it('TRACE is not echoed (row 55), and says what is allowed', () => {
    const exchange = world().send({ method: 'TRACE', headers: HeaderList.of(['Cookie', 'a=b']) });
    expect(exchange.answer?.status).toBe(405);
    expect(exchange.answer?.headers.get('allow')).toContain('GET');
    expect(exchange.text).toBe('');
  });
});

describe('the pipeline gets the request', () => {
  function seenBy(text: WorldText, head: Parameters<RequestWorld['send']>[0]): RequestContext['request'] {
    let request: RequestContext['request'] = null;
    new RequestWorld({
      ...text,
      scripts: {
        main: (ctx) => {
          request = ctx.request;
          return answer(200)(ctx);
        },
      },
    }).send(head);
    return request;
  }

  it('rewritten and with its headers set, while the record keeps what was received', () => {
    const world = new RequestWorld({
      scripts: ok,
      paths: [{ pathPrefix: '/a', rewriteTarget: '/b', setHeaders: { Host: 'x.test' } }],
    });
    world.send({ target: '/a/1?q' });
    expect(world.record).toMatchObject({ target: '/a/1?q', authority: 'a.test', rule: 'rule/web/0', pathIndex: 0 });
    const request = seenBy(
      { paths: [{ pathPrefix: '/a', rewriteTarget: '/b', setHeaders: { 'X-U': '$uri' } }] },
      { target: '/a/1?q' },
    );
    expect(request?.target).toBe('/b/1?q');
    expect(request?.headers.get('x-u')).toBe('/a/1');
  });

  it('with X-Forwarded-For when the owner wants it', () => {
    expect(seenBy({ owner: { xForwardedFor: true } }, {})?.headers.get('x-forwarded-for')).toBe('192.0.2.1');
    expect(seenBy({}, {})?.headers.has('x-forwarded-for')).toBe(false);
  });

  it('with the scheme that a trusted peer states, and of nobody else', () => {
    const head = { headers: HeaderList.of(['X-Forwarded-Proto', 'https']) };
    expect(seenBy({ trusted: ['192.0.2.0/24'] }, head)?.scheme).toBe('https');
    expect(seenBy({}, { headers: HeaderList.of(['X-Forwarded-Proto', 'https']) })?.scheme).toBe('http');
    const odd = { headers: HeaderList.of(['X-Forwarded-Proto', 'gopher']) };
    expect(seenBy({ trusted: ['192.0.2.0/24'] }, odd)?.scheme).toBe('http');
  });
});

describe('global filters', () => {
  const pipelines = { before: one('before'), main: one('main'), after: one('after') };
  function one(name: string) {
    return { filters: [{ name }] };
  }
  const owner = (fallthrough: { beforePipeline: boolean; pipeline: boolean }) => ({
    before: 'pipeline/default/before',
    after: 'pipeline/default/after',
    fallthrough,
  });
  const none = { beforePipeline: false, pipeline: false };

  it.each<[string, typeof none, Record<string, string>, string[]]>([
    ['run before and after', none, {}, ['before', 'main', 'after']],
    ['that end before skip the rest', none, { before: 'failed' }, ['before']],
    [
      'that end before let the rest run with fallthrough',
      { ...none, beforePipeline: true },
      { before: 'failed' },
      ['before', 'main', 'after'],
    ],
    ['after are skipped when the pipeline ended', none, { main: 'failed' }, ['before', 'main']],
    [
      'after run with fallthrough when the pipeline ended',
      { ...none, pipeline: true },
      { main: 'failed' },
      ['before', 'main', 'after'],
    ],
    [
      'after stay skipped when only the other switch is on',
      { ...none, beforePipeline: true },
      { main: 'failed' },
      ['before', 'main'],
    ],
    ['ending last change nothing', none, { after: 'failed' }, ['before', 'main', 'after']],
  ])('%s', (_, fallthrough, results, ran) => {
    const scripts = Object.fromEntries(
      ['before', 'main', 'after'].map((name): [string, Script] => [name, answer(200, results[name] ?? '')]),
    );
    const world = new RequestWorld({ pipelines, owner: owner(fallthrough), scripts });
    expect(world.send().answer?.status).toBe(200);
    expect(world.record.traces.map(({ pipeline }) => pipeline)).toEqual(ran);
    expect(world.record.pipelineTitle).toBe('main');
  });

  it('share namespaces and data with the pipeline, but each has its own data.PIPELINE', () => {
    const seen: unknown[] = [];
    const look: Script = (ctx) => {
      ctx.data['count'] = ((ctx.data['count'] as number | undefined) ?? 0) + 1;
      seen.push(structuredClone(ctx.data));
      return answer(200)(ctx);
    };
    const world = new RequestWorld({
      pipelines: {
        before: { ...one('before'), data: { of: 'before' } },
        main: { ...one('main'), data: { of: 'main' } },
      },
      owner: { before: 'pipeline/default/before' },
      scripts: { before: look, main: look },
    });
    world.send();
    expect(seen).toEqual([
      { PIPELINE: { of: 'before' }, count: 1 },
      { PIPELINE: { of: 'main' }, count: 2 },
    ]);
  });

  it('never see a request without a route', () => {
    const world = new RequestWorld({ pipelines, owner: owner(none), paths: [{ path: '/a' }] });
    world.send();
    expect(world.record.traces).toEqual([]);
  });
});

describe('the response side', () => {
  it('runs callbacks in reverse order before the head goes out', () => {
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.onResponse(({ headers }) => headers.append('x', 'first'));
          ctx.onResponse((response) => {
            response.headers.append('x', 'second');
            response.status = 202;
          });
          return answer(200)(ctx);
        },
      },
    });
    const exchange = world.send();
    expect(exchange.answer?.status).toBe(202);
    expect(exchange.answer?.headers.getAll('x')).toEqual(['second', 'first']);
  });

  it('runs them also for an answer that the gateway makes after a failure', () => {
    const world = new RequestWorld({
      pipelines: { main: { filters: [{ name: 'cors' }, { name: 'main' }] } },
      scripts: {
        cors: (ctx) => {
          ctx.onResponse(({ headers }) => headers.append('access-control-allow-origin', '*'));
          return '';
        },
        main: () => {
          throw new Error('broken');
        },
      },
    });
    const exchange = world.send();
    expect(exchange.answer?.status).toBe(500);
    expect(exchange.answer?.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('answers 500 when a callback throws, and gives up the body', () => {
    const body = new BodyProbe();
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.onResponse(() => {
            throw new Error('broken');
          });
          return answer(200, '', body)(ctx);
        },
      },
    });
    const exchange = world.send();
    expect(exchange.answer?.status).toBe(500);
    expect(body.cancels).toBeGreaterThan(0);
    expect(world.record).toMatchObject({ error: 'FilterFailed', errorLayer: 'pipeline', errorDetail: 'broken' });
  });

  it('sends the response of DEFAULT and cancels the bodies of other namespaces', () => {
    const other = new BodyProbe();
    const world = new RequestWorld({
      pipelines: {
        main: { filters: [{ name: 'a' }, { name: 'b' }], flow: [{ filter: 'a', namespace: 'n' }, { filter: 'b' }] },
      },
      scripts: { a: answer(500, '', other), b: answer(200, '', new BufferBody(Buffer.from('hello'))) },
    });
    const exchange = world.send();
    expect([exchange.answer?.status, exchange.text, exchange.ended]).toEqual([200, 'hello', 'end']);
    expect(other.cancels).toBe(1);
  });

  it('never lets a failure after the head back into the flow', () => {
    const body = new BodyProbe();
    const world = new RequestWorld({
      pipelines: {
        main: {
          filters: [{ name: 'main' }, { name: 'b' }],
          flow: [{ filter: 'main', jumpIf: { failed: 'b' } }, { filter: 'b' }],
        },
      },
      scripts: { main: answer(200, '', body) },
    });
    const exchange = world.send();
    body.push('part');
    expect(world.records).toEqual([]);
    body.sink?.error(new ProxyError('UpstreamReset', 'origin closed'));
    expect([exchange.text, exchange.ended]).toEqual(['part', 'UpstreamReset']);
    expect(world.record).toMatchObject({ status: 200, error: 'UpstreamReset', errorLayer: 'upstream' });
    expect(world.record.traces[0]?.steps).toHaveLength(2);
  });

  it('is not run for a client that is gone', () => {
    let ran = 0;
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.onResponse(() => ran++);
          return pending;
        },
      },
    });
    world.send().leave(gone);
    expect(ran).toBe(0);
  });
});

describe('a client that leaves', () => {
  it('is told to the filter and recorded as 499, whatever the filter then says of the upstream', () => {
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.onAbort = () => {
            ctx.fail(new ProxyError('UpstreamReset', 'cancelled'));
            ctx.complete('failed');
          };
          return pending;
        },
      },
    });
    const exchange = world.send();
    world.kit.clock.advance(25);
    exchange.leave(gone);
    expect(exchange.answer).toBeNull();
    expect(world.record).toMatchObject({
      status: 499,
      error: 'ClientAbort',
      errorLayer: 'listener',
      upstreams: [],
      durationMs: 25,
    });
    expect(world.record.traces[0]?.steps).toEqual([{ node: 'main', result: 'failed', durationMs: 25 }]);
  });

  it('after the head keeps the status that was sent', () => {
    const world = new RequestWorld({ scripts: { main: answer(200, '', new BodyProbe()) } });
    world.send().leave(gone);
    expect(world.record).toMatchObject({ status: 200, error: 'ClientAbort' });
  });

  it('gives up the response that waits for it', () => {
    const body = new BodyProbe();
    const world = new RequestWorld({
      pipelines: { main: { filters: [{ name: 'main' }, { name: 'wait' }] } },
      scripts: { main: answer(200, '', body), wait: () => pending },
    });
    world.send().leave(gone);
    expect(body.cancels).toBe(1);
  });
});

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

describe('the record', () => {
  it('blames what a filter names only when that is what the client got', () => {
    const failed: Script = (ctx) => {
      ctx.fail(new ProxyError('ConnectFailed', 'refused 10.0.0.1:80'));
      return answer(503, 'failed')(ctx);
    };
    const pipelines = {
      main: {
        filters: [{ name: 'main' }, { name: 'b' }],
        flow: [{ filter: 'main', jumpIf: { failed: 'b' } }, { filter: 'b' }],
      },
    };
    const shown = new RequestWorld({ scripts: { main: failed } });
    shown.send();
    expect(shown.record).toMatchObject({ status: 503, error: 'ConnectFailed', errorLayer: 'upstream' });
    const replaced = new RequestWorld({ pipelines, scripts: { main: failed, b: answer(200) } });
    replaced.send();
    expect(replaced.record).toMatchObject({ status: 200, error: null, errorLayer: '' });
  });

  it('holds what log and metrics need', () => {
    const note = { upstream: 'u', title: 'p#main', endpoint: '10.0.0.1:80', status: 200, durationMs: 3, error: null };
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.addTag('hello');
          ctx.noteUpstream(note);
          world.kit.clock.advance(5);
          return answer(200)(ctx);
        },
      },
    });
    world.send({ method: 'PUT', target: '/x?y=1' });
    expect(world.record).toMatchObject({
      listener: 'listener/default/*:80',
      owner: 'owner/web',
      rule: 'rule/web/0',
      pathIndex: 0,
      pipeline: 'pipeline/default/main',
      pipelineTitle: 'main',
      method: 'PUT',
      target: '/x?y=1',
      scheme: 'http',
      version: '1.1',
      realIp: '192.0.2.1',
      time: 1_699_999_999_995,
      durationMs: 5,
      bytesIn: 100,
      bytesOut: 200,
      tags: ['hello'],
      upstreams: [note],
      error: null,
    });
  });
});

describe('a swap', () => {
  it('leaves the request on the pipeline that it began with, which lives until the answer is out', () => {
    const body = new BodyProbe();
    const world = new RequestWorld({ scripts: { main: answer(200, '', body) } });
    const slot = world.slotOf('pipeline/default/main');
    const old = slot.current;
    world.send();
    slot.current = buildPipeline(pipelineText({ title: 'main', filters: [{ name: 'other' }] }), world.kit);
    old?.release();
    expect(old?.uses).toBe(1);
    body.sink?.end(null);
    expect(old?.uses).toBe(0);
    expect(world.send().answer?.status).toBe(503);
  });
});
