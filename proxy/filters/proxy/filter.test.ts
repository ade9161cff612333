import { afterEach, describe, expect, it } from 'vitest';
import type { UpstreamContent } from '#proxy/contract/units.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { Context } from '#proxy/pipeline/context.ts';
import type { PipelineRequest } from '#proxy/pipeline/filter.ts';
import { buildPipeline } from '#proxy/pipeline/pipeline.ts';
import { allowAll } from '#proxy/upstream/connect-policy.ts';
import type { Upstream, UpstreamCallbacks, UpstreamRequest } from '#proxy/upstream/upstream.ts';
import { createUpstream } from '#proxy/upstream/upstream-instance.ts';
import {
  nodesOf,
  pipelineText,
  scriptedFilter,
  type Script,
  testContext,
  TestKit,
  testRequest,
} from '#test/support/pipeline-kit.ts';
import { answer, type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { PushBody, textBody } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';
import { proxy } from './filter.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** An origin that answers everything with `text`. */
async function origin(text: string): Promise<RawOrigin> {
  const raw = await startRawOrigin((connection) => connection.onRequest(() => connection.send(text)));
  cleanUps.push(() => raw.close());
  return raw;
}

interface Setting {
  /** By pool path; a port stands for an upstream with that one server. */
  readonly upstreams: Readonly<Record<string, Upstream | number>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly content?: Partial<UpstreamContent>;
  /** Further filters, run in the order of `flow`. */
  readonly scripts?: Readonly<Record<string, Script>>;
  readonly flow?: readonly string[];
  readonly random?: () => number;
}

interface Run {
  readonly ctx: Context;
  readonly done: Promise<void>;
  readonly kit: TestKit;
}

function start(setting: Setting, request: PipelineRequest | null = testRequest()): Run {
  const kit = new TestKit(proxy as never, scriptedFilter(setting.scripts ?? {}));
  if (setting.random !== undefined) (kit as { random: () => number }).random = setting.random;
  for (const [path, target] of Object.entries(setting.upstreams)) {
    const content = upstreamContentOf({
      ...(typeof target === 'number' ? { port: target } : {}),
      content: setting.content ?? {},
    });
    const upstream =
      typeof target === 'number'
        ? createUpstream(path, content, { ...clockOf(kit), random: kit.random, connectPolicy: allowAll })
        : target;
    kit.upstreams.set(path, upstream);
    if ('dispose' in upstream) cleanUps.push(() => (upstream as { dispose(): void }).dispose());
  }
  const upstreams = Object.fromEntries(Object.keys(setting.upstreams).map((path) => [path, path]));
  const spec = proxy.schema.spec.parse(setting.spec ?? { pools: [{}] });
  const flow = setting.flow ?? ['proxy'];
  const pipeline = buildPipeline(
    pipelineText({
      flow: flow.map((filter, index) => ({
        filter,
        alias: `${filter}${index}`,
        jumpIf: jumpsFrom(filter, flow[index + 1], index + 1),
      })),
      filters: [
        { name: 'proxy', kind: 'Proxy', spec, upstreams },
        ...Object.keys(setting.scripts ?? {}).map((name) => ({ name })),
      ],
    }),
    kit,
  );
  const ctx = testContext(request);
  const { promise, resolve } = Promise.withResolvers<void>();
  pipeline.run(ctx, () => resolve());
  return { ctx, done: promise, kit };
}

/** Whatever a Proxy says, the next node runs. */
function jumpsFrom(filter: string, next: string | undefined, index: number): Record<string, string> {
  if (filter !== 'proxy' || next === undefined) return {};
  return Object.fromEntries(proxy.schema.results.map((result) => [result, `${next}${index}`]));
}

function clockOf(kit: TestKit) {
  return { now: kit.now, timer: kit.timer };
}

async function run(setting: Setting, request?: PipelineRequest | null): Promise<Context> {
  const { ctx, done } = start(setting, request);
  await done;
  return ctx;
}

/** Lets a test decide what an upstream does. */
class FakeUpstream implements Upstream {
  readonly name = 'upstream/fake';
  readonly title = 'proxy#main';
  readonly requests: UpstreamRequest[] = [];
  readonly cancelled: ProxyError[] = [];
  callbacks: UpstreamCallbacks | null = null;
  private readonly act: (callbacks: UpstreamCallbacks, request: UpstreamRequest) => void;

  constructor(act: (callbacks: UpstreamCallbacks, request: UpstreamRequest) => void = () => {}) {
    this.act = act;
  }

  send(request: UpstreamRequest, callbacks: UpstreamCallbacks) {
    this.requests.push(request);
    this.callbacks = callbacks;
    this.act(callbacks, request);
    return { endpoint: '192.0.2.7:80', cancel: (cause: ProxyError) => this.cancelled.push(cause) };
  }
}

function answering(status: number, ...headers: [string, string][]): FakeUpstream {
  return new FakeUpstream((callbacks) =>
    callbacks.head({ status, reason: '', headers: HeaderList.of(...headers) }, null),
  );
}

function failing(code: ConstructorParameters<typeof ProxyError>[0]): FakeUpstream {
  return new FakeUpstream((callbacks) => callbacks.error(new ProxyError(code, 'because')));
}

function outcome(ctx: Context): [status: number | undefined, node: string | undefined] {
  return [ctx.answer?.status, nodesOf(ctx)[0]];
}

describe('the outcome', () => {
  it('is the answer of the origin, with its body still to flow', async () => {
    const raw = await origin(answer('hello', 'HTTP/1.1 203 Odd\r\nX-A: 1'));
    const ctx = await run({ upstreams: { 'pools[0]': raw.port } });
    expect(outcome(ctx)).toEqual([203, 'proxy0()']);
    expect(ctx.answer?.reason).toBe('Odd');
    expect(ctx.answer?.headers.get('x-a')).toBe('1');
    const text = await new Promise((resolve, reject) => {
      let got = '';
      ctx.answer?.body?.start({ chunk: (data) => (got += data.toString()), end: () => resolve(got), error: reject });
    });
    expect(text).toBe('hello');
    expect(ctx.upstreamNotes).toMatchObject([
      { upstream: 'pools[0]', endpoint: `127.0.0.1:${raw.port}`, status: 203, error: null },
    ]);
    expect(ctx.failure).toBe(null);
  });

  it.each([
    ['NoEndpoint', 503, 'internalError'],
    ['ConnectFailed', 503, 'serverError'],
    ['ConnectTimeout', 503, 'serverError'],
    ['ConnectForbidden', 503, 'serverError'],
    ['TlsFailed', 503, 'serverError'],
    ['UpstreamReset', 503, 'serverError'],
    ['UpstreamTimeout', 408, 'timeout'],
    ['UpstreamProtocol', 502, 'serverError'],
    ['UpstreamTooLarge', 500, 'internalError'],
    ['Internal', 500, 'internalError'],
    ['ClientAbort', 499, 'clientError'],
    ['PayloadTooLarge', 413, 'clientError'],
  ] as const)('of %s is %i, %s', async (code, status, result) => {
    const ctx = await run({ upstreams: { 'pools[0]': failing(code) } });
    expect(outcome(ctx)).toEqual([status, `proxy0(${result})`]);
    expect(ctx.failure?.code).toBe(code);
    expect(ctx.upstreamNotes).toMatchObject([{ status: 0, error: code }]);
    expect(ctx.answer?.body).toBe(null);
  });

  it('of an origin that is down is 503 serverError', async () => {
    const raw = await origin('');
    await raw.close();
    expect(outcome(await run({ upstreams: { 'pools[0]': raw.port } }))).toEqual([503, 'proxy0(serverError)']);
  });

  it('of an origin that talks garbage is 502 serverError', async () => {
    const raw = await origin('garbage\r\n\r\n');
    expect(outcome(await run({ upstreams: { 'pools[0]': raw.port } }))).toEqual([502, 'proxy0(serverError)']);
  });

  it('of an origin that is slow is 408 timeout', async () => {
    const raw = await origin('');
    const { ctx, done, kit } = start({ upstreams: { 'pools[0]': raw.port }, content: { timeout: 100 } });
    await raw.waitForRequests(1);
    kit.clock.advance(100);
    await done;
    expect(outcome(ctx)).toEqual([408, 'proxy0(timeout)']);
  });

  it('of an origin that sends too much is 500 internalError', async () => {
    const raw = await origin(answer('12345'));
    const ctx = await run({ upstreams: { 'pools[0]': raw.port }, content: { serverMaxBodySize: 4 } });
    expect(outcome(ctx)).toEqual([500, 'proxy0(internalError)']);
  });

  it('passes HEAD with the length that the origin states, also over the limit', async () => {
    const raw = await origin('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n');
    const ctx = await run(
      { upstreams: { 'pools[0]': raw.port }, content: { serverMaxBodySize: 4 } },
      testRequest('/', { method: 'HEAD' }),
    );
    expect(outcome(ctx)).toEqual([200, 'proxy0()']);
    expect(ctx.answer?.headers.getAll('content-length')).toEqual(['12345']);
  });

  it('without a request in the namespace is 500 internalError', async () => {
    expect(outcome(await run({ upstreams: { 'pools[0]': answering(200) } }, null))).toEqual([
      500,
      'proxy0(internalError)',
    ]);
  });
});

describe('failure codes', () => {
  it.each([
    [[], 499, ''],
    [[], 500, 'failureCode'],
    [[], 599, 'failureCode'],
    [[404, 503], 404, 'failureCode'],
    [[404, 503], 500, ''],
  ])('%j and status %i give %j, the answer unchanged', async (failureCodes, status, result) => {
    const ctx = await run({
      upstreams: { 'pools[0]': answering(status, ['X-A', '1']) },
      spec: { pools: [{ failureCodes }] },
    });
    expect(outcome(ctx)).toEqual([status, `proxy0(${result})`]);
    expect(ctx.answer?.headers.get('x-a')).toBe('1');
    expect(ctx.failure).toBe(null);
  });
});

describe('the choice of a pool', () => {
  async function chosen(filter: object, request = testRequest(), random?: () => number): Promise<'candidate' | 'main'> {
    const candidate = answering(201);
    const ctx = await run(
      {
        upstreams: { 'pools[0]': answering(200), 'pools[1]': candidate },
        spec: { pools: [{}, { filter }] },
        ...(random === undefined ? {} : { random }),
      },
      request,
    );
    return ctx.answer?.status === 201 ? 'candidate' : 'main';
  }

  const withHeaders = (...pairs: [string, string][]) => testRequest('/a/b?c', { headers: HeaderList.of(...pairs) });
  const both = { headers: { 'X-A': { exact: '1' }, 'X-B': { prefix: 'b' } } };

  it.each([
    ['one of two headers is enough', both, withHeaders(['x-b', 'bb']), 'candidate'],
    ['none of two is not', both, withHeaders(['x-b', 'ab']), 'main'],
    ['matchAllHeaders wants both', { ...both, matchAllHeaders: true }, withHeaders(['x-b', 'bb']), 'main'],
    ['and takes both', { ...both, matchAllHeaders: true }, withHeaders(['x-b', 'bb'], ['X-A', '1']), 'candidate'],
    ['any line of a header counts', both, withHeaders(['X-A', '0'], ['X-A', '1']), 'candidate'],
    ['a regular expression', { headers: { 'X-A': { regex: '^c+$' } } }, withHeaders(['X-A', 'ccc']), 'candidate'],
    ['does not match an absent header', { headers: { 'X-A': { regex: '.*' } } }, withHeaders(), 'main'],
    ['empty matches an absent header', { headers: { 'X-A': { empty: true } } }, withHeaders(), 'candidate'],
    ['and not a set one', { headers: { 'X-A': { empty: true } } }, withHeaders(['X-A', '1']), 'main'],
    ['a URL', { urls: [{ url: { exact: '/a/b' } }] }, withHeaders(), 'candidate'],
    ['of another method', { urls: [{ methods: ['PUT'], url: { exact: '/a/b' } }] }, withHeaders(), 'main'],
    [
      'headers and URLs must both fit',
      { ...both, urls: [{ url: { exact: '/x' } }] },
      withHeaders(['X-A', '1']),
      'main',
    ],
    ['by both', { ...both, urls: [{ url: { prefix: '/a' } }] }, withHeaders(['X-A', '1']), 'candidate'],
  ] as const)('general: %s', async (_title, filter, request, expected) => {
    expect(await chosen(filter, request)).toBe(expected);
  });

  it('by a share of addresses: 192.0.2.1 hashes to 590', async () => {
    expect(await chosen({ policy: 'ipHash', permil: 590 })).toBe('main');
    expect(await chosen({ policy: 'ipHash', permil: 591 })).toBe('candidate');
  });

  it('by a share of header values: u1 hashes to 223, no value to 261', async () => {
    const filter = { policy: 'headerHash', headerHashKey: 'X-User', permil: 224 };
    expect(await chosen(filter, withHeaders(['x-user', 'u1']))).toBe('candidate');
    expect(await chosen({ ...filter, permil: 223 }, withHeaders(['x-user', 'u1']))).toBe('main');
    expect(await chosen({ ...filter, permil: 262 })).toBe('candidate');
    expect(await chosen({ ...filter, permil: 261 })).toBe('main');
  });

  it('by chance', async () => {
    expect(await chosen({ policy: 'random', permil: 500 }, testRequest(), () => 0.499)).toBe('candidate');
    expect(await chosen({ policy: 'random', permil: 500 }, testRequest(), () => 0.5)).toBe('main');
  });

  it('takes the first candidate that fits, wherever the main pool stands', async () => {
    const filter = { headers: { 'X-A': { empty: true } } };
    const ctx = await run({
      upstreams: { 'pools[0]': answering(201), 'pools[1]': answering(200), 'pools[2]': answering(202) },
      spec: { pools: [{ filter }, {}, { filter }] },
    });
    expect(ctx.answer?.status).toBe(201);
  });
});

describe('a response that was there before', () => {
  const earlier: Script = (ctx) => {
    const headers = HeaderList.of(
      ['Access-Control-Allow-Origin', '*'],
      ['Access-Control-Max-Age', '5'],
      ['Content-Length', '3'],
      ['X-A', 'old'],
    );
    ctx.response = { status: 202, reason: 'x', headers, body: textBody('old') };
    return '';
  };

  it('lends its headers: Access-Control is replaced, others are added, never two lengths', async () => {
    const ctx = await run({
      upstreams: {
        'pools[0]': answering(200, ['access-control-allow-origin', 'b'], ['Content-Length', '0'], ['X-A', 'new']),
      },
      scripts: { earlier },
      flow: ['earlier', 'proxy'],
    });
    expect(ctx.answer?.headers).toEqual(
      HeaderList.of(
        ['Access-Control-Max-Age', '5'],
        ['X-A', 'old'],
        ['access-control-allow-origin', 'b'],
        ['Content-Length', '0'],
        ['X-A', 'new'],
      ),
    );
  });

  it('keeps headers and body under a failure, with another status', async () => {
    const ctx = await run({
      upstreams: { 'pools[0]': failing('ConnectFailed') },
      scripts: { earlier },
      flow: ['earlier', 'proxy'],
    });
    expect([ctx.answer?.status, ctx.answer?.body?.length, ctx.answer?.headers.get('x-a')]).toEqual([503, 3, 'old']);
  });

  it('is not the answer of an earlier attempt: two Proxies do not pile up headers', async () => {
    const answers = [500, 200];
    const upstream = new FakeUpstream((callbacks) =>
      callbacks.head(
        { status: answers.shift() ?? 0, reason: '', headers: HeaderList.of(['Content-Length', '0'], ['X-A', '1']) },
        null,
      ),
    );
    const ctx = await run({
      upstreams: { 'pools[0]': upstream },
      scripts: { earlier },
      flow: ['earlier', 'proxy', 'proxy'],
    });
    expect(ctx.answer?.status).toBe(200);
    expect(ctx.answer?.headers.getAll('content-length')).toEqual(['0']);
    expect(ctx.answer?.headers.getAll('x-a')).toEqual(['old', '1']);
  });
});

describe('the request', () => {
  it('goes out with target, headers and body', async () => {
    const raw = await origin(answer('ok'));
    const headers = HeaderList.of(['X-A', '1'], ['Authorization', 'Bearer x'], ['Proxy-Authorization', 'x']);
    await run(
      { upstreams: { 'pools[0]': raw.port } },
      testRequest('/a%2Fb?c', { method: 'POST', headers, body: textBody('hello') }),
    );
    expect(raw.requests).toEqual([
      'POST /a%2Fb?c HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nAuthorization: Bearer x\r\nVia: 1.1 easegress\r\n' +
        'Content-Length: 5\r\n\r\nhello',
    ]);
  });

  it('keeps its body when no upstream began to read it', async () => {
    const raw = await origin(answer('ok'));
    const first = failing('ConnectFailed');
    const upstream: Upstream = {
      name: 'two',
      title: 'two',
      send: (request, callbacks) => (first.requests.length === 0 ? first : real).send(request, callbacks),
    };
    const content = upstreamContentOf({ port: raw.port });
    const real = createUpstream('real', content, {
      ...clockOf(new TestKit()),
      random: () => 0,
      connectPolicy: allowAll,
    });
    cleanUps.push(() => real.dispose());
    const ctx = await run(
      { upstreams: { 'pools[0]': upstream }, flow: ['proxy', 'proxy'] },
      testRequest('/', { method: 'POST', body: textBody('hello') }),
    );
    expect(nodesOf(ctx)).toEqual(['proxy0(serverError)', 'proxy1()']);
    expect(raw.requests[0]).toMatch(/hello$/);
  });

  it('is not sent a second time with half a body', async () => {
    const raw = await origin(answer('', 'HTTP/1.1 500 No'));
    const ctx = await run(
      { upstreams: { 'pools[0]': raw.port }, flow: ['proxy', 'proxy'] },
      testRequest('/', { method: 'POST', body: textBody('hello') }),
    );
    expect(nodesOf(ctx)).toEqual(['proxy0(failureCode)', 'proxy1(internalError)']);
    expect(raw.requests.length).toBe(1);
  });

  it('may ask for an upgrade, whose tunnel goes both ways', async () => {
    const raw = await origin('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi');
    const tunnel = new PushBody();
    const ctx = await run(
      { upstreams: { 'pools[0]': raw.port } },
      testRequest('/', { headers: HeaderList.of(['Upgrade', 'websocket']), tunnel }),
    );
    expect(outcome(ctx)).toEqual([101, 'proxy0()']);
    const got = new Promise<string>((resolve) =>
      ctx.answer?.body?.start({ chunk: (data) => resolve(data.toString()), end() {}, error() {} }),
    );
    expect(await got).toBe('hi');
    tunnel.push('there');
    await raw.connections[0]?.until((connection) => connection.received.endsWith('there'));
  });
});

describe('a client that goes away', () => {
  it('cancels the call: 499, clientError, and a note that it was given up', async () => {
    const upstream = new FakeUpstream();
    const { ctx, done } = start({ upstreams: { 'pools[0]': upstream } });
    const cause = new ProxyError('ClientAbort', 'gone');
    ctx.abort(cause);
    await done;
    expect(upstream.cancelled).toEqual([cause]);
    expect(outcome(ctx)).toEqual([499, 'proxy0(clientError)']);
    expect(ctx.upstreamNotes).toMatchObject([{ upstream: 'upstream/fake', status: 0, error: 'ClientAbort' }]);
  });

  it('is noted with the endpoint that it waited for', async () => {
    const raw = await origin('');
    const { ctx, done } = start({ upstreams: { 'pools[0]': raw.port } });
    await raw.waitForRequests(1);
    ctx.abort(new ProxyError('ClientAbort', 'gone'));
    await done;
    expect(ctx.upstreamNotes).toMatchObject([{ endpoint: `127.0.0.1:${raw.port}`, error: 'ClientAbort' }]);
  });

  it('is nothing to the next 64 requests', async () => {
    let quick = false;
    const raw = await startRawOrigin((connection) =>
      connection.onRequest(() => {
        if (quick) connection.send(answer('ok'));
      }),
    );
    cleanUps.push(() => raw.close());
    const content = upstreamContentOf({ port: raw.port });
    const upstream = createUpstream('u', content, {
      ...clockOf(new TestKit()),
      random: () => 0,
      connectPolicy: allowAll,
    });
    cleanUps.push(() => upstream.dispose());
    const runs = Array.from({ length: 64 }, () => start({ upstreams: { 'pools[0]': upstream } }));
    await raw.waitForRequests(64);
    for (const { ctx } of runs) ctx.abort(new ProxyError('ClientAbort', 'gone'));
    await Promise.all(runs.map(({ done }) => done));
    quick = true;
    for (let i = 0; i < 3; i++) {
      expect(outcome(await run({ upstreams: { 'pools[0]': upstream } }))).toEqual([200, 'proxy0()']);
    }
    expect(upstream.stats().active).toBe(3);
  });

  it('closes the connection to the origin', async () => {
    const raw = await origin('');
    const { ctx, done } = start({ upstreams: { 'pools[0]': raw.port } });
    await raw.waitForRequests(1);
    ctx.abort(new ProxyError('ClientAbort', 'gone'));
    await done;
    await raw.connections[0]?.until((connection) => connection.ended || connection.closed);
  });
});
