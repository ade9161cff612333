import { describe, expect, it } from 'vitest';
import { BodyProbe } from '#test/support/body-probe.ts';
import { type Script, pipelineText } from '#test/support/pipeline-kit.ts';
import { RequestWorld, type WorldText, answer } from '#test/support/request-world.ts';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { type RequestContext, pending } from '#proxy/pipeline/filter.ts';
import { buildPipeline } from '#proxy/pipeline/pipeline.ts';

const gone = new ProxyError('ClientAbort', 'client left');

const ok = { main: answer(200) };

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

  it('with the headers that tell where it came from', () => {
    const request = seenBy({}, { headers: HeaderList.of(['X-Forwarded-For', '1.1.1.1']) });
    expect(request?.headers.getAll('x-forwarded-for')).toEqual(['192.0.2.1']);
    expect(request?.headers.get('forwarded')).toBe('for=192.0.2.1;proto=http;host=a.test');
  });

  it('with headers that the route states about the client, which sees corrected ones', () => {
    const text: WorldText = {
      paths: [{ setHeaders: { 'X-Forwarded-Proto': 'https', 'X-Seen': '$http_x_forwarded_host' } }],
    };
    const request = seenBy(text, {
      headers: HeaderList.of(['X-Forwarded-Host', 'evil.test'], ['X-Forwarded-Proto', 'ftp']),
    });
    expect(request?.headers.getAll('x-forwarded-proto')).toEqual(['https']);
    expect(request?.headers.get('x-seen')).toBe('a.test');
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
          ctx.onResponse(({ headers }) => headers.append('x-other', 'still runs'));
          ctx.onResponse(() => {
            throw new Error('broken');
          });
          return answer(200, '', body)(ctx);
        },
      },
    });
    const exchange = world.send();
    expect(exchange.answer?.status).toBe(500);
    expect(exchange.answer?.headers.names).toEqual(['x-other']);
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
