import { describe, expect, it } from 'vitest';
import { BodyProbe } from '#test/support/body-probe.ts';
import { nodesOf, startFlow, testContext, testPeer, testRequest } from '#test/support/pipeline-kit.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { Context } from './context.ts';
import { type PipelineResponse, type RequestContext, pending } from './filter.ts';

const gone = new ProxyError('ClientAbort', 'client left');

function response(status: number, body: BodyProbe | null = null): PipelineResponse {
  return { status, reason: '', headers: new HeaderList(), body };
}

describe('namespaces', () => {
  it('give each node the messages of its own, and only DEFAULT starts with the request of the client', () => {
    const seen: [string, string | undefined, number | undefined][] = [];
    const look = (ctx: RequestContext): string => {
      seen.push([ctx.namespace, ctx.request?.target, ctx.response?.status]);
      return '';
    };
    const { ctx } = startFlow(
      {
        filters: [{ name: 'build' }, { name: 'send' }, { name: 'look' }],
        flow: [
          { filter: 'look' },
          { filter: 'look', alias: 'l1', namespace: 'n' },
          { filter: 'build', namespace: 'n' },
          { filter: 'send', namespace: 'n' },
          { filter: 'look', alias: 'l2', namespace: 'n' },
          { filter: 'look', alias: 'l3' },
        ],
      },
      {
        build: (context) => {
          context.setRequest(testRequest('/built'));
          return '';
        },
        send: (context) => {
          context.response = response(201);
          return '';
        },
        look,
      },
    );
    expect(seen).toEqual([
      ['DEFAULT', '/', undefined],
      ['n', undefined, undefined],
      ['n', '/built', 201],
      ['DEFAULT', '/', undefined],
    ]);
    expect([...ctx.requests.keys()]).toEqual(['DEFAULT', 'n']);
    expect([...ctx.responses].map(([name, { status }]) => [name, status])).toEqual([['n', 201]]);
    expect(ctx.answer).toBeNull();
  });

  it('called DEFAULT is the default one', () => {
    const { ctx } = startFlow(
      { filters: [{ name: 'a' }], flow: [{ filter: 'a', namespace: 'DEFAULT' }] },
      {
        a: (context) => {
          context.response = response(204);
          return '';
        },
      },
    );
    expect(ctx.answer?.status).toBe(204);
  });

  it('are seen by a node after a waiting one as by any other', () => {
    const { ctx, ends } = startFlow(
      { filters: [{ name: 'wait' }, { name: 'last' }], data: { k: 1 } },
      {
        wait: () => pending,
        last: (context) => {
          context.setRequest({ ...testRequest('/later'), body: null });
          context.response = response(203);
          context.addTag(`${context.namespace} ${context.realIp} ${context.peer.port} ${context.request?.target}`);
          context.addTag(JSON.stringify([context.data, context.requests.size, context.responses.size]));
          context.fail(gone);
          context.onResponse(({ headers }) => headers.append('x-last', '1'));
          expect(context.onAbort).toBeNull();
          expect(context.aborted).toBeNull();
          return '';
        },
      },
    );
    ctx.complete('');
    expect(ends).toEqual(['passed']);
    expect(nodesOf(ctx)).toEqual(['wait()', 'last()']);
    expect(ctx.tags).toEqual(['DEFAULT 192.0.2.1 4711 /later', '[{"PIPELINE":{"k":1}},1,1]']);
    expect(ctx.failure).toBe(gone);
    const answer = response(200);
    ctx.runResponseHooks(answer);
    expect(answer.headers.get('x-last')).toBe('1');
  });
});

describe('bodies', () => {
  it('of a response that is replaced are cancelled, unless the new one has the same body', () => {
    const ctx = testContext();
    const [first, second] = [new BodyProbe(), new BodyProbe()];
    ctx.response = response(200, first);
    ctx.response = response(500, first);
    expect(first.cancels).toBe(0);
    ctx.response = response(200, second);
    expect(first.cancels).toBe(1);
    ctx.response = null;
    expect(second.cancels).toBe(1);
  });

  it('that nobody read are cancelled at the end in every namespace but the answer', () => {
    const ctx = testContext();
    const [answer, other, built] = [new BodyProbe(), new BodyProbe(), new BodyProbe()];
    ctx.response = response(200, answer);
    ctx.namespace = 'n';
    ctx.response = response(200, other);
    ctx.setRequest(testRequest('/', { body: built }));
    expect(ctx.close(null)?.body).toBe(answer);
    expect([answer.cancels, other.cancels, built.cancels]).toEqual([0, 1, 1]);
  });

  it('that arrive after the end are cancelled at once', () => {
    const ctx = testContext();
    ctx.close(null);
    const [late, named, built] = [new BodyProbe(), new BodyProbe(), new BodyProbe()];
    ctx.response = response(200, late);
    ctx.namespace = 'n';
    ctx.response = response(200, named);
    ctx.setRequest(testRequest('/', { body: built }));
    expect([late.cancels, named.cancels, built.cancels]).toEqual([1, 1, 1]);
    expect(ctx.response).toBeNull();
  });

  it('of a request that a filter replaces in a namespace are cancelled', () => {
    const ctx = testContext();
    ctx.namespace = 'n';
    const [first, second] = [new BodyProbe(), new BodyProbe()];
    ctx.setRequest(testRequest('/1', { body: first }));
    ctx.setRequest(testRequest('/2', { body: first }));
    expect(first.cancels).toBe(0);
    ctx.setRequest(testRequest('/3', { body: second }));
    expect(first.cancels).toBe(1);
  });
});

describe('onResponse', () => {
  it('runs in reverse order, once', () => {
    const ctx = testContext();
    const order: number[] = [];
    for (const n of [1, 2, 3]) ctx.onResponse(() => order.push(n));
    ctx.runResponseHooks(response(200));
    ctx.runResponseHooks(response(200));
    expect(order).toEqual([3, 2, 1]);
  });
});

describe('what the log gets', () => {
  it('is bounded', () => {
    const ctx = testContext();
    for (let i = 0; i < 1000; i++) ctx.addTag(`tag ${i}`.padEnd(2000, 'x'));
    expect(ctx.tags).toHaveLength(32);
    for (const tag of ctx.tags ?? []) expect(tag.length).toBeLessThanOrEqual(515);
  });
});

describe('interim answers', () => {
  it('go to the client until it is gone or answered', () => {
    const sent: number[] = [];
    const ctx = new Context(testRequest(), { peer: testPeer, inform: (status) => sent.push(status) }, '192.0.2.1');
    ctx.inform(103, new HeaderList());
    ctx.close(null);
    ctx.inform(103, new HeaderList());
    expect(sent).toEqual([103]);
  });
});
