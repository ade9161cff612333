import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeptConnection, get } from '#test/support/answers.ts';
import { startCountingRelay, type CountingRelay } from '#test/support/counting-relay.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { answer, startRawOrigin } from '#test/support/raw-origin.ts';
import { startWorld } from '#test/support/world.ts';

function web(port: number, body: string): string {
  return manifest(server('web', port, [route('/', 'a')]), mock('a', body));
}

describe('without an operator', () => {
  it('a proxy goes on serving, kept connections too, and takes the changes when one is back', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port, 'before') } });
    await using connection = new KeptConnection(port);
    await connection.ask(get('/'));
    await world.stopOperator();
    expect((await connection.ask(get('/'))).body).toBe('before');
    expect((await world.get(port, '/')).body).toBe('before');
    expect(world.proxy().runtime.notReady()).toBe(null);

    world.put('web.yaml', web(port, 'after'));
    await world.startOperator();
    await world.applied();
    expect((await connection.ask(get('/'))).body).toBe('after');
  });

  it('a proxy that is started again serves what its folder holds, endpoints of Services too', async () => {
    const port = await reservePort();
    await using origin = await startRawOrigin((connection) =>
      connection.onRequest(() => connection.send(answer('live'))),
    );
    const pool = { service: { name: 'echo', port: 80 }, servers: [] };
    const manifests = {
      'web.yaml': manifest(
        server('web', port, [route('/service', 'by-service'), route('/', 'a')]),
        mock('a', 'kept'),
        proxying('by-service', 1, pool),
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo' }, spec: { ports: [{ port: 80 }] } },
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: 'echo-1', labels: { 'kubernetes.io/service-name': 'echo' } },
          addressType: 'IPv4',
          endpoints: [{ addresses: ['127.0.0.1'] }],
          ports: [{ port: origin.port }],
        },
      ),
    };
    await using world = await startWorld({ manifests, stateful: true });
    expect((await world.get(port, '/service')).body).toBe('live');
    await world.stopOperator();
    await world.stopProxy(0);
    await world.startProxy(0);
    expect((await world.get(port, '/')).body).toBe('kept');
    expect((await world.get(port, '/service')).body).toBe('live');
    expect(world.proxy().runtime.notReady()).toBe('waiting for an operator');

    await world.startOperator();
    await world.applied();
    expect(world.proxy().runtime.notReady()).toBe(null);
    expect((await world.get(port, '/')).body).toBe('kept');
  });

  it('a proxy from its folder takes what changed meanwhile, also what was removed', async () => {
    const port = await reservePort();
    const two = manifest(server('web', port, [route('/b', 'b'), route('/', 'a')]), mock('a', 'a'), mock('b', 'b'));
    await using world = await startWorld({ manifests: { 'web.yaml': two }, stateful: true });
    await world.stopOperator();
    await world.stopProxy(0);
    world.put('web.yaml', manifest(server('web', port, [route('/a', 'a')]), mock('a', 'changed')));
    await world.startProxy(0);
    expect((await world.get(port, '/b')).body).toBe('b');
    await world.startOperator();
    await world.applied();
    expect((await world.get(port, '/b')).status).toBe(404);
    expect((await world.get(port, '/a')).body).toBe('changed');
  });
});

describe('a proxy whose folder is damaged', () => {
  it.each<[title: string, damage: (file: string) => void]>([
    ['garbage', (file) => writeFileSync(file, 'no journal at all')],
    ['a torn tail', (file) => appendFileSync(file, Buffer.from([0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3]))],
    ['an empty file', (file) => writeFileSync(file, '')],
  ])('by %s starts, says so once if anything is lost, and is filled by the operator', async (_, damage) => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port, 'a') }, stateful: true });
    await world.stopProxy(0);
    damage(path.join(world.dir, 'proxy-0', 'units.journal'));
    const from = world.logs.length;
    await world.startProxy(0);
    await world.applied();
    expect((await world.get(port, '/')).body).toBe('a');
    const lines = world.logs.slice(from).filter(({ level }) => level === 'warn' || level === 'error');
    expect(lines.length).toBeLessThanOrEqual(1);
  });
});

describe('an operator that has lost its state', () => {
  it('with authority and token anew is taken up by the proxy, which reads both again', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port, 'before') } });
    await world.stopOperator();
    rmSync(path.join(world.dir, 'operator'), { recursive: true });
    world.put('web.yaml', web(port, 'after'));
    expect((await world.get(port, '/')).body).toBe('before');
    await world.startOperator();
    await world.applied();
    expect((await world.get(port, '/')).body).toBe('after');
  });
});

describe('an operator that was started again', () => {
  it('sends what changed, not everything: less than 5 % of the bytes', async () => {
    const port = await reservePort();
    const names = Array.from({ length: 400 }, (_, index) => `p${index}`);
    const routes = manifest(
      server('web', port, names.map((name) => route(`/${name}`, name)).slice(0, 250)),
      server('more', port, [], {
        rules: [{ host: 'more.test', paths: names.slice(250).map((name) => route(`/${name}`, name)) }],
      }),
    );
    let relay: CountingRelay | null = null;
    await using world = await startWorld({
      manifests: {
        'web.yaml': routes,
        'pipelines.yaml': manifest(...names.map((name) => mock(name, `${name} ${'x'.repeat(600)}`))),
      },
      relay: async (operatorPort) => (relay = await startCountingRelay(operatorPort)).port,
    });
    const counter = relay as CountingRelay | null;
    if (counter === null) throw new Error('no relay');
    await using _relay = counter;
    const whole = counter.received;
    expect((await world.get(port, '/p7')).body).toContain('p7 ');

    await world.stopOperator();
    for (const edit of ['', 'edited while it was away']) {
      const pipelines = names.map((name) =>
        mock(name, name === 'p7' && edit !== '' ? edit : `${name} ${'x'.repeat(600)}`),
      );
      world.put('pipelines.yaml', manifest(...pipelines));
      counter.reset();
      await world.startOperator();
      await world.applied();
      expect(counter.received).toBeGreaterThan(0);
      expect(counter.received / whole).toBeLessThan(0.05);
      expect((await world.get(port, '/p7')).body).toContain(edit === '' ? 'p7 ' : edit);
      if (edit === '') await world.stopOperator();
    }

    counter.reset();
    await world.write('pipelines.yaml', manifest(...names.map((name) => mock(name, `${name} new`))));
    const many = counter.received;
    counter.reset();
    await world.write(
      'pipelines.yaml',
      manifest(...names.map((name) => mock(name, name === 'p7' ? 'one' : `${name} new`))),
    );
    expect((await world.get(port, '/p7')).body).toBe('one');
    expect(counter.received).toBeLessThan(many / 20);
  });
});
