import { describe, expect, it } from 'vitest';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { portStep, reservePort } from '#test/support/ports.ts';
import { startWorld, type Via } from '#test/support/world.ts';

describe.each<Via>(['stream', 'in-process'])('a folder of manifests, by %s', (via) => {
  it('serves, and an edit changes the answer of every proxy', async () => {
    const port = await reservePort(2);
    const web = (body: string) => manifest(server('web', port, [route('/', 'hello')]), mock('hello', body));
    await using world = await startWorld({ via, proxies: 2, manifests: { 'web.yaml': web('first') } });
    for (const at of [port, port + portStep])
      expect(await world.get(at, '/')).toMatchObject({ status: 200, body: 'first' });

    await world.write('web.yaml', web('second'));
    for (const at of [port, port + portStep]) expect((await world.get(at, '/')).body).toBe('second');
    await world.until('it is told', () => world.condition('Pipeline hello', 'Programmed').status === 'True');
  });

  it('loses no request of a kept connection over twenty edits, and no request sees half an edit', async () => {
    const port = await reservePort();
    await using even = await startEchoUpstream('even');
    await using odd = await startEchoUpstream('odd');
    const web = (edit: number) =>
      manifest(
        server('web', port, [
          route(`/edit-${edit}`, 'other'),
          route('/', 'up', { setHeaders: { 'X-Edit': `${edit}` } }),
        ]),
        mock('other', `${edit}`),
        proxying('up', (edit % 2 === 0 ? even : odd).port),
      );
    await using world = await startWorld({ via, manifests: { 'web.yaml': web(0) } });
    await using connection = new KeptConnection(port);
    const seen = new Set<string>();
    const askOnce = async (): Promise<void> => {
      const { status, body } = await connection.ask(get('/'));
      const { server: by, headers } = JSON.parse(body) as { server: string; headers: Record<string, string> };
      seen.add(`${status} ${headers['x-edit'] ?? ''} ${by}`);
    };
    let editing = true;
    const asking = (async () => {
      while (editing) await askOnce();
      await askOnce();
    })();
    for (let edit = 1; edit <= 20; edit++) {
      await world.write('web.yaml', web(edit));
      expect((await world.get(port, `/edit-${edit}`)).body).toBe(`${edit}`);
    }
    editing = false;
    await asking;
    expect([...seen]).toEqual(
      Array.from({ length: 21 }, (_, edit) => `200 ${edit} ${edit % 2 === 0 ? 'even' : 'odd'}`),
    );
  });

  it('deletes with the file: path, pipeline, then the whole server', async () => {
    const port = await reservePort();
    const manifests = {
      'web.yaml': manifest(server('web', port, [route('/a', 'a'), route('/b', 'b')])),
      'a.yaml': manifest(mock('a', 'a')),
      'b.yaml': manifest(mock('b', 'b')),
    };
    await using world = await startWorld({ via, manifests });
    await world.remove('a.yaml');
    expect((await world.get(port, '/a')).status).toBe(503);
    expect(world.findings('HTTPServer web')).toEqual(['PipelineNotFound spec.rules[0].paths[0].backend']);
    expect((await world.get(port, '/b')).body).toBe('b');

    await world.write('web.yaml', manifest(server('web', port, [route('/b', 'b')])));
    expect((await world.get(port, '/a')).status).toBe(404);

    await using connection = new KeptConnection(port);
    await connection.ask(get('/b'));
    await world.remove('web.yaml');
    const last = await connection.ask(get('/b'));
    expect([last.status, last.headers.get('connection')]).toEqual([404, ['close']]);
    await connection.raw.untilEnd();
  });
});
