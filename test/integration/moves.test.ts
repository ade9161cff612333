import { describe, expect, it } from 'vitest';
import { get, KeptConnection, type Answer } from '#test/support/answers.ts';
import { manifest, mock, pipeline, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { answer, startRawOrigin } from '#test/support/raw-origin.ts';
import { badAnswers } from '#test/support/steady-client.ts';
import { startWorld, type World } from '#test/support/world.ts';

// Edits that move something while it is used: a host to another server, a server to another port or address, endpoints.

type Fields = Readonly<Record<string, unknown>>;

function hosted(name: string, port: number, host: string, backend: string): Fields {
  return server(name, port, [], { rules: [{ host, paths: [route('/', backend)] }] });
}

describe('a host', () => {
  it('moves from one server of a port to another and back without a request lost', async () => {
    const port = await reservePort();
    const mocks = [mock('a', 'a'), mock('b', 'b')];
    const first = manifest(hosted('one', port, 'a.test', 'a'), hosted('two', port, 'x.test', 'b'), ...mocks);
    const second = manifest(hosted('one', port, 'x.test', 'a'), hosted('two', port, 'a.test', 'b'), ...mocks);
    await using world = await startWorld({ manifests: { 'web.yaml': first } });
    const lost = await badAnswers(port, async () => {
      for (let time = 0; time < 4; time++) {
        await world.write('web.yaml', second);
        expect((await world.get(port, '/')).body).toBe('b');
        await world.write('web.yaml', first);
        expect((await world.get(port, '/')).body).toBe('a');
      }
    });
    expect(lost).toEqual([]);
  });
});

describe('a port of two servers', () => {
  it('is not closed for a moment when the server that decided its settings is removed', async () => {
    const port = await reservePort();
    const stays = [hosted('b-stays', port, 'a.test', 'a'), mock('a', 'a')];
    const both = manifest(server('a-decides', port, [], { keepAliveTimeout: '50s' }), ...stays);
    await using world = await startWorld({ manifests: { 'web.yaml': both } });
    const lost = await badAnswers(port, async () => {
      await world.write('web.yaml', manifest(...stays));
      await world.write('web.yaml', both);
    });
    expect(lost).toEqual([]);
    expect(world.findings('HTTPServer b-stays')).toEqual([]);
  });
});

describe('a server', () => {
  it('moves to another port and back within the grace period', async () => {
    const [here, there] = [await reservePort(), await reservePort()];
    const at = (port: number) => manifest(server('web', port, [route('/', 'a')]), mock('a', 'a'));
    await using world = await startWorld({ manifests: { 'web.yaml': at(here) } });
    await world.write('web.yaml', at(there));
    expect((await world.get(there, '/')).body).toBe('a');
    expect((await world.get(here, '/')).status).toBe(404);
    await world.write('web.yaml', at(here));
    expect((await world.get(here, '/')).body).toBe('a');
    expect((await world.get(there, '/')).status).toBe(404);
  });

  it.each<[from: string, to: string]>([
    ['127.0.0.1', ''],
    ['', '127.0.0.1'],
  ])('whose address changes from "%s" to "%s" on the same port serves at once, not after a pause', async (from, to) => {
    const port = await reservePort();
    const at = (address: string) => manifest(server('web', port, [route('/', 'a')], { address }), mock('a', 'a'));
    await using world = await startWorld({ manifests: { 'web.yaml': at(from) } });
    await world.write('web.yaml', at(to));
    expect(await world.get(port, '/')).toMatchObject({ status: 200, body: 'a' });
    await world.until('it is told', () => world.condition('HTTPServer web', 'Programmed').status === 'True');
    await world.write('web.yaml', at(from));
    expect(await world.get(port, '/')).toMatchObject({ status: 200, body: 'a' });
  });

  it('that widens its address to all answers kept connections as well, and asks them to connect anew', async () => {
    const port = await reservePort();
    const at = (address: string) => manifest(server('web', port, [route('/', 'a')], { address }), mock('a', 'a'));
    await using world = await startWorld({ manifests: { 'web.yaml': at('127.0.0.1') } });
    await using connection = new KeptConnection(port);
    await connection.ask(get('/'));
    await world.write('web.yaml', at(''));
    const last = await connection.ask(get('/'));
    expect([last.status, last.body, last.headers.get('connection')]).toEqual([200, 'a', ['close']]);
  });
});

describe('endpoints of a Service', () => {
  it('change in place, without a version of their own, and none at all is 503', async () => {
    const port = await reservePort();
    await using one = await startRawOrigin((connection) => connection.onRequest(() => connection.send(answer('one'))));
    await using two = await startRawOrigin((connection) => connection.onRequest(() => connection.send(answer('two'))));
    const slice = (endpointPort: number, addresses: readonly string[] = ['127.0.0.1']) =>
      manifest({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'echo-1', labels: { 'kubernetes.io/service-name': 'echo' } },
        addressType: 'IPv4',
        endpoints: addresses.length === 0 ? [] : [{ addresses }],
        ports: [{ port: endpointPort }],
      });
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { ports: [{ port: 80 }] } };
    const pool = { service: { name: 'echo', port: 80 }, servers: [] };
    const web = manifest(server('web', port, [route('/', 'up')]), proxying('up', 1, pool), service);
    await using world = await startWorld({ manifests: { 'web.yaml': web, 'slice.yaml': slice(one.port) } });
    const version = (): string => world.proxy().runtime.units.version;
    const before = version();
    const becomes = (fits: (got: Answer) => boolean) =>
      world.untilAnswer('it is another', () => world.get(port, '/'), fits);
    await becomes(({ body }) => body === 'one');
    await world.write('slice.yaml', slice(two.port));
    await becomes(({ body }) => body === 'two');
    await world.write('slice.yaml', slice(two.port, []));
    await becomes(({ status }) => status === 503);
    await world.write('slice.yaml', slice(one.port));
    await becomes(({ body }) => body === 'one');
    expect(version()).toBe(before);
  });
});

describe('a RateLimiter', () => {
  it('keeps its count over edits of other filters of its pipeline, of its route and of its port', async () => {
    const port = await reservePort();
    const policies = [{ name: 'p', limitForPeriod: 3, limitRefreshPeriod: '60s', timeoutDuration: '0s' }];
    const limiter = {
      name: 'limit',
      kind: 'RateLimiter',
      policies,
      defaultPolicyRef: 'p',
      urls: [{ url: { prefix: '/' } }],
    };
    const web = (edit: number) => {
      const ok = { name: 'ok', kind: 'Mock', rules: [{ match: {}, code: 200, body: `${edit}` }] };
      const paths = [route('/', 'a', { setHeaders: { 'X-Edit': `${edit}` } })];
      return manifest(server('web', port, paths, { keepAliveTimeout: `${edit + 10}s` }), pipeline('a', [limiter, ok]));
    };
    await using world: World = await startWorld({ manifests: { 'web.yaml': web(0) } });
    for (let edit = 1; edit <= 3; edit++) {
      expect((await world.get(port, '/')).status).toBe(200);
      await world.write('web.yaml', web(edit));
    }
    expect((await world.get(port, '/')).status).toBe(429);
  });
});
