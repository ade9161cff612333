import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, object, pipeline, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { answer, startRawOrigin, type RawConnection, type RawOrigin } from '#test/support/raw-origin.ts';
import { startWorld, type World } from '#test/support/world.ts';

// What went wrong in Easegress 2.11, asked of this gateway through real sockets.

let world: World;
let port = 0;
let origin: RawOrigin;
let act: (connection: RawConnection, request: string) => void = () => {};
const rest = new AsyncDisposableStack();

beforeAll(async () => {
  port = await reservePort();
  origin = rest.use(await startRawOrigin((connection) => connection.onRequest((request) => act(connection, request))));
  const web = manifest(
    server('web', port, [route('/good', 'good'), route('/', 'up')]),
    mock('good', 'good'),
    proxying('up', origin.port),
  );
  world = rest.use(await startWorld({ manifests: { 'web.yaml': web }, stateful: true }));
});

afterAll(() => rest.disposeAsync());

describe('a bad rewriteTarget of the tree router', () => {
  it('is told on the object, harms no neighbour, and is no trap at the next start', async () => {
    const own = await reservePort();
    const paths = [{ path: '/users/{id}', rewriteTarget: '/u/{nobody}', backend: 'good' }, route('/', 'good')];
    await world.write('tree.yaml', manifest(server('tree', own, paths, { routerKind: 'RadixTree' })));
    await world.until('it is told', () => world.condition('HTTPServer tree', 'Programmed').status === 'False');
    expect(world.condition('HTTPServer tree', 'Programmed').message).toContain('spec.rules[0].paths[0].rewriteTarget');
    expect((await world.get(own, '/users/7')).status).toBe(503);
    expect((await world.get(port, '/good')).body).toBe('good');

    await world.stopProxy(0);
    await world.startProxy(0);
    await world.applied();
    expect((await world.get(port, '/good')).body).toBe('good');
    expect((await world.get(own, '/users/7')).status).toBe(503);
    await world.remove('tree.yaml');
  });
});

describe('HEAD', () => {
  it('of an origin that states a Content-Length is answered with it, without a body, and the connection goes on', async () => {
    act = (connection, request) =>
      connection.send(request.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n' : answer('ok'));
    await using connection = new KeptConnection(port);
    const head = await connection.ask('HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, ['12345']]);
    expect((await connection.ask(get('/'))).body).toBe('ok');
  });
});

describe('clients that hang up', () => {
  it('64 of them count against nobody: the next is served, and no failure of the upstream is counted', async () => {
    act = () => {};
    const before = origin.requests.length;
    const clients = Array.from({ length: 64 }, () => new RawClient(port).send(get('/hung-up')));
    await origin.waitForRequests(before + 64);
    for (const client of clients) client.reset();
    const waiting = origin.connections.filter(({ closed }) => !closed).slice(-64);
    await Promise.all(waiting.map((connection) => connection.until(({ closed, ended }) => closed || ended)));
    act = (connection) => connection.send(answer('ok'));
    expect(await world.get(port, '/')).toMatchObject({ status: 200, body: 'ok' });
    const line = await world.logged('/hung-up');
    expect(line).toMatchObject({ 'error.type': 'ClientAbort', 'easegress.layer': 'listener' });
    expect(line['easegress.upstreams']).toMatchObject([{ status: 0, error: 'ClientAbort' }]);
    const lines = await world.metrics();
    const calls = lines.filter((text) => text.startsWith('easegress_upstream_requests_total{'));
    expect(calls.find((text) => text.includes('code_class="none"'))).toMatch(/ 64$/);
    expect(calls.some((text) => text.includes('code_class="2xx"'))).toBe(true);
    expect(calls.filter((text) => text.includes('code_class="5xx"'))).toEqual([]);
  });
});

describe('what is unknown', () => {
  it.each<[title: string, fields: Readonly<Record<string, unknown>>, finding: string]>([
    ['a filter kind', { filters: [{ name: 'x', kind: 'Nope' }] }, 'UnknownFilterKind spec.filters[0].kind'],
    [
      'a node of the flow',
      { flow: [{ filter: 'nobody' }], filters: [{ name: 'm', kind: 'Mock' }] },
      'UnknownFlowFilter spec.flow[0].filter',
    ],
    [
      'a result to jump on',
      { flow: [{ filter: 'm', jumpIf: { nope: 'END' } }], filters: [{ name: 'm', kind: 'Mock' }] },
      'UnknownResult spec.flow[0].jumpIf.nope',
    ],
    [
      'a policy',
      {
        filters: [
          { name: 'p', kind: 'Proxy', pools: [{ servers: [{ url: 'http://127.0.0.1:1' }], retryPolicy: 'nope' }] },
        ],
      },
      'UnknownPolicy spec.filters[0].pools[0].retryPolicy',
    ],
  ])('%s is never accepted in silence', async (_, fields, finding) => {
    await world.write('unknown.yaml', manifest(object('Pipeline', 'unknown', fields)));
    expect(world.findings('Pipeline unknown').join()).toContain(finding);
    expect(world.condition('Pipeline unknown', 'Accepted').status).toBe('False');
    await world.remove('unknown.yaml');
  });
});

describe('two answers in one flow', () => {
  it('leave nothing of the first behind: one Content-Length, one set of fields', async () => {
    act = (connection, request) => {
      if (request.startsWith('GET /first')) connection.send(answer('no', 'HTTP/1.1 500 No\r\nX-First: yes'));
      else connection.send(answer('second answer'));
    };
    const server1 = { servers: [{ url: `http://127.0.0.1:${origin.port}/first` }] };
    const server2 = { servers: [{ url: `http://127.0.0.1:${origin.port}/second` }] };
    const filters = [
      { name: 'first', kind: 'Proxy', pools: [server1] },
      { name: 'second', kind: 'Proxy', pools: [server2] },
    ];
    const flow = [{ filter: 'first', jumpIf: { failureCode: 'second' } }, { filter: 'second' }];
    const own = await reservePort();
    await world.write(
      'twice.yaml',
      manifest(server('twice', own, [route('/', 'twice')]), pipeline('twice', filters, { flow })),
    );
    const got = await world.get(own, '/');
    expect([got.status, got.body, got.headers.get('content-length')]).toEqual([200, 'second answer', ['13']]);
    expect(got.head.match(/^date:/gim)).toHaveLength(1);
    expect(got.headers.has('x-first')).toBe(false);
    await world.remove('twice.yaml');
  });
});

describe('weight: 0', () => {
  it('is accepted and takes a server out of the choice, without refusing the others', async () => {
    act = (connection, request) => connection.send(answer(request.split(' ')[1] ?? ''));
    const servers = [
      { url: `http://127.0.0.1:${origin.port}/none`, weight: 0 },
      { url: `http://127.0.0.1:${origin.port}/all`, weight: 1 },
    ];
    const own = await reservePort();
    const weighted = proxying('weighted', 1, { servers, loadBalance: { policy: 'weightedRandom' } });
    await world.write('weighted.yaml', manifest(server('weighted', own, [route('/', 'weighted')]), weighted));
    expect(world.findings('Pipeline weighted')).toEqual([]);
    await using connection = new KeptConnection(own);
    const bodies = new Set<string>();
    for (let n = 0; n < 20; n++) bodies.add((await connection.ask(get('/'))).body);
    expect([...bodies]).toEqual(['/all/']);
    await world.remove('weighted.yaml');
  });
});

describe('the access log', () => {
  it('has the trace of the pipeline, filter by filter with result and time', async () => {
    act = (connection) => connection.send(answer('no', 'HTTP/1.1 500 No'));
    await world.get(port, '/traced');
    const line = await world.logged('/traced');
    expect(line['easegress.trace']).toEqual([
      expect.stringMatching(/^pipeline\(up\): proxy\(failureCode,[\d.]+(us|ms)\)$/),
    ]);
  });
});
