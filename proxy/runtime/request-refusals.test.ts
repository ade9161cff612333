import { describe, expect, it } from 'vitest';
import { RequestWorld, type WorldText, answer } from '#test/support/request-world.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';

const ok = { main: answer(200) };

describe('the gateway answers by itself, empty, and names the layer', () => {
  const blocked = { blockByDefault: true, allowIPs: [], blockIPs: [] };
  it.each<[string, WorldText, Parameters<RequestWorld['send']>[0], string]>([
    ['no route', { paths: [{ path: '/a' }] }, {}, '404 NoRoute router'],
    ['a method that is not listed', { paths: [{ methods: ['POST'] }] }, {}, '405 MethodNotAllowed router'],
    [
      'a header condition that fails',
      { paths: [{ headers: [{ key: 'x', values: ['1'], regexp: '' }] }] },
      {},
      '400 ConditionFailed router',
    ],
    ['an address that is denied', { owner: { ipFilter: blocked } }, {}, '403 IpDenied router'],
    ['a path whose pipeline is missing', { paths: [{ pipeline: null }] }, {}, '503 RouteUnavailable router'],
    [
      'a pipeline without a build',
      { paths: [{ pipeline: 'pipeline/default/refused' }] },
      {},
      '503 RouteUnavailable router',
    ],
    ['a global filter without a build', { owner: { before: 'pipeline/none' } }, {}, '503 RouteUnavailable router'],
    ['the same after the pipeline', { owner: { after: 'pipeline/none' } }, {}, '503 RouteUnavailable router'],
    ['an ACME challenge', {}, { target: '/.well-known/acme-challenge/x' }, '503 RouteUnavailable router'],
    ['one that is spelt otherwise', {}, { target: '/.well%2dknown/acme-challenge/x' }, '503 RouteUnavailable router'],
    [
      'one to a denied address',
      { owner: { ipFilter: blocked } },
      { target: '/.well-known/acme-challenge/x?y' },
      '503 RouteUnavailable router',
    ],
    ['a flow without a response', { scripts: {} }, {}, '503 NoResponse pipeline'],
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
      '500 FilterFailed pipeline',
    ],
    ['CONNECT', {}, { method: 'CONNECT', target: 'b.test:443' }, '501 MethodNotImplemented listener'],
    ['TRACE', {}, { method: 'TRACE' }, '405 MethodNotAllowed router'],
  ])('%s', (_, text, head, expected) => {
    const world = new RequestWorld({ scripts: ok, ...text });
    const exchange = world.send(head);
    const { status, error, errorLayer } = world.record;
    expect(`${status} ${error} ${errorLayer}`).toBe(expected);
    expect(exchange.answer).toMatchObject({ status, reason: '' });
    expect(exchange.text).toBe('');
    expect(JSON.stringify(exchange.answer?.headers)).not.toContain('secret');
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
