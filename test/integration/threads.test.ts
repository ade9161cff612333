import { describe, expect, it } from 'vitest';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, object, pipeline, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld, type World } from '#test/support/world.ts';

function web(port: number, body: string): string {
  return manifest(server('web', port, [route('/', 'a')]), mock('a', body));
}

/** Bodies of `count` requests, each on a connection of its own. */
async function bodies(world: World, port: number, count = 24): Promise<Set<string>> {
  return new Set(await Promise.all(Array.from({ length: count }, async () => (await world.get(port, '/')).body)));
}

describe('two data threads', () => {
  it('share a port, both take an edit, and each serves alone while the other is started again', async () => {
    const port = await reservePort();
    await using world = await startWorld({ threads: 2, manifests: { 'web.yaml': web(port, 'first') } });
    expect(await bodies(world, port)).toEqual(new Set(['first']));
    await world.write('web.yaml', web(port, 'second'));
    expect(await bodies(world, port)).toEqual(new Set(['second']));

    const { threads } = world.proxy().runtime;
    for (const index of [0, 1]) {
      await threads.kill(index);
      expect(threads.serving).toBe(1);
      expect(await bodies(world, port)).toEqual(new Set(['second']));
      await threads.started();
      expect([threads.serving, threads.restarts]).toEqual([2, index + 1]);
    }
    await world.write('web.yaml', web(port, 'third'));
    expect(await bodies(world, port)).toEqual(new Set(['third']));
  });

  it('end apart: of sixteen kept connections those of the other thread go on, and all places come back', async () => {
    const port = await reservePort();
    const web16 = manifest(server('web', port, [route('/', 'a')], { maxConnections: 16 }), mock('a', 'a'));
    await using world = await startWorld({ threads: 2, manifests: { 'web.yaml': web16 } });
    await using open = new AsyncDisposableStack();
    const connections = Array.from({ length: 16 }, () => open.use(new KeptConnection(port)));
    for (const connection of connections) expect((await connection.ask(get('/'))).body).toBe('a');
    const { threads } = world.proxy().runtime;
    await threads.kill(0);
    const outcomes = await Promise.all(
      connections.map((connection) =>
        connection.ask(get('/')).then(
          ({ body }) => body,
          () => 'cut',
        ),
      ),
    );
    const alive = outcomes.filter((outcome) => outcome === 'a').length;
    expect(outcomes.filter((outcome) => outcome === 'cut')).toHaveLength(16 - alive);
    expect(alive).toBeGreaterThan(0);
    expect(alive).toBeLessThan(16);
    await threads.started();
    const more = Array.from({ length: 16 - alive }, () => open.use(new KeptConnection(port)));
    for (const connection of more) expect((await connection.ask(get('/'))).body).toBe('a');
  });

  it('take a change that comes while one of them is being started again', async () => {
    const port = await reservePort();
    await using world = await startWorld({ threads: 2, manifests: { 'web.yaml': web(port, 'first') } });
    const { threads } = world.proxy().runtime;
    await threads.kill(0);
    await world.write('web.yaml', web(port, 'second'));
    await threads.started();
    expect(await bodies(world, port)).toEqual(new Set(['second']));
  });

  it('keep one count: a RateLimiter allows its rate once, not once per thread', async () => {
    const port = await reservePort();
    const policies = [{ name: 'p', limitForPeriod: 10, limitRefreshPeriod: '60s', timeoutDuration: '0s' }];
    const limiter = {
      name: 'limit',
      kind: 'RateLimiter',
      policies,
      defaultPolicyRef: 'p',
      urls: [{ url: { prefix: '/' } }],
    };
    const ok = { name: 'ok', kind: 'Mock', rules: [{ match: {}, code: 200, body: 'ok' }] };
    const limited = manifest(server('web', port, [route('/', 'a')]), pipeline('a', [limiter, ok]));
    await using world = await startWorld({ threads: 2, manifests: { 'web.yaml': limited } });
    const answers = await Promise.all(Array.from({ length: 30 }, () => world.get(port, '/')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(20);
  });

  it('refuse alike: what cannot be built is refused by both, and told once', async () => {
    const port = await reservePort();
    const paths = [{ path: '/u/{id}', rewriteTarget: '/{nobody}', backend: 'a' }, route('/', 'a')];
    const bad = object('HTTPServer', 'bad', {
      port,
      address: '127.0.0.1',
      routerKind: 'RadixTree',
      rules: [{ host: 'bad.test', paths }],
    });
    await using world = await startWorld({
      threads: 2,
      manifests: { 'web.yaml': `${web(port, 'ok')}\n---\n${manifest(bad)}` },
    });
    await world.until('it is told', () => world.condition('HTTPServer bad', 'Programmed').status === 'False');
    const codes = await Promise.all(
      Array.from({ length: 16 }, async () => (await world.get(port, '/u/1', 'bad.test')).status),
    );
    expect(new Set(codes)).toEqual(new Set([503]));
    expect(await bodies(world, port)).toEqual(new Set(['ok']));
  });
});
