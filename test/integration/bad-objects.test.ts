import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, mock, object, pipeline, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld, type Via, type World } from '#test/support/world.ts';

// Each bad object lies in a file of its own beside a healthy neighbour, which serves before, meanwhile and after.

describe.each<Via>(['stream', 'in-process'])('bad objects, by %s', (via) => {
  let world: World;
  let port = 0;
  /** Port of the server that each test states for itself. */
  let own = 0;
  let files = 0;
  const rest: AsyncDisposable[] = [];

  beforeAll(async () => {
    port = await reservePort();
    const good = manifest(server('good', port, [route('/', 'good')]), mock('good', 'good'));
    world = await startWorld({ via, manifests: { 'good.yaml': good } });
    rest.push(world);
  });

  afterAll(async () => {
    for (const each of rest) await each[Symbol.asyncDispose]();
  });

  /** Writes the file, and looks after the neighbour and the file's end once `judge` is through. */
  async function withFile(text: (own: number) => string, judge: (name: string) => Promise<void>): Promise<void> {
    own = await reservePort();
    const name = `bad-${files++}.yaml`;
    await world.write(name, text(own));
    try {
      expect((await world.get(port, '/')).body).toBe('good');
      await judge(name);
      expect((await world.get(port, '/')).body).toBe('good');
    } finally {
      await world.remove(name);
    }
    expect((await world.get(port, '/')).body).toBe('good');
  }

  it('broken YAML: the line is named, the other documents serve, and once mended all do', () =>
    withFile(
      (at) =>
        `${manifest(server('web', at, [route('/a', 'a'), route('/b', 'b')]), mock('a', 'a'))}\n---\nkind: [Pipeline\nname: b\n`,
      async (name) => {
        const [finding] = world.fileFindings(name);
        expect(finding).toMatchObject({ code: 'InvalidYaml', severity: 'error' });
        expect(finding?.message).toMatch(new RegExp(`^${name}:\\d+: `));
        expect((await world.get(own, '/a')).body).toBe('a');
        expect((await world.get(own, '/b')).status).toBe(503);
        const mended = manifest(
          server('web', own, [route('/a', 'a'), route('/b', 'b')]),
          mock('a', 'a'),
          mock('b', 'b'),
        );
        await world.write(name, mended);
        expect((await world.get(own, '/b')).body).toBe('b');
        expect(world.fileFindings(name)).toEqual([]);
      },
    ));

  it('broken YAML where something served: its last readable version goes on serving', () =>
    withFile(
      (at) => manifest(server('web', at, [route('/', 'a')]), mock('a', 'before')),
      async (name) => {
        await world.write(name, '{{{ not yaml');
        expect(world.fileFindings(name)).toMatchObject([{ code: 'InvalidYaml' }]);
        expect((await world.get(own, '/')).body).toBe('before');
      },
    ));

  it('an unknown kind: named with its place and the nearest known one', () =>
    withFile(
      (at) => manifest(server('web', at, [route('/', 'a')]), mock('a', 'a'), object('HttpSrever', 'x', { port: at })),
      async (name) => {
        const [finding] = world.fileFindings(name);
        expect(finding).toMatchObject({ code: 'UnknownKind' });
        expect(finding?.message).toContain('did you mean `HTTPServer`');
        expect((await world.get(own, '/')).body).toBe('a');
      },
    ));

  it('an unknown field: a warning with its path and the nearest name, and the object serves', () =>
    withFile(
      (at) => manifest(server('web', at, [route('/', 'a', { rewriteTraget: '/x' })]), mock('a', 'a')),
      async () => {
        expect(world.findings('HTTPServer web')).toEqual(['UnknownField spec.rules[0].paths[0].rewriteTraget']);
        expect(world.condition('HTTPServer web', 'Accepted')).toMatchObject({
          status: 'True',
          reason: 'AcceptedWithWarnings',
          message: expect.stringContaining('rewriteTarget'),
        });
        expect((await world.get(own, '/')).body).toBe('a');
      },
    ));

  it('a missing pipeline: its path answers 503 with nothing in it, its siblings serve, and it heals', () =>
    withFile(
      (at) => manifest(server('web', at, [route('/gone', 'later'), route('/', 'a')]), mock('a', 'a')),
      async () => {
        expect(world.findings('HTTPServer web')).toEqual(['PipelineNotFound spec.rules[0].paths[0].backend']);
        expect(world.condition('HTTPServer web', 'ResolvedRefs')).toMatchObject({
          status: 'False',
          reason: 'PipelineNotFound',
        });
        expect(await world.get(own, '/gone')).toMatchObject({ status: 503, body: '' });
        expect((await world.get(own, '/')).body).toBe('a');
        await world.write('later.yaml', manifest(mock('later', 'here')));
        expect((await world.get(own, '/gone')).body).toBe('here');
        expect(world.findings('HTTPServer web')).toEqual([]);
        await world.remove('later.yaml');
      },
    ));

  it('a filter of a kind that does not exist: refused with its path, 503 there, siblings serve', () =>
    withFile(
      (at) =>
        manifest(
          server('web', at, [route('/bad', 'bad'), route('/', 'a')]),
          mock('a', 'a'),
          pipeline('bad', [{ name: 'x', kind: 'Porxy' }]),
        ),
      async () => {
        expect(world.findings('Pipeline bad')).toEqual(['UnknownFilterKind spec.filters[0].kind']);
        expect(world.condition('Pipeline bad', 'Accepted')).toMatchObject({
          status: 'False',
          message: expect.stringContaining('Proxy'),
        });
        expect(world.findings('HTTPServer web')).toEqual(['PipelineInvalid spec.rules[0].paths[0].backend']);
        expect((await world.get(own, '/bad')).status).toBe(503);
        expect((await world.get(own, '/')).body).toBe('a');
      },
    ));

  it('a filter whose field has the wrong type: refused with the path of the field', () =>
    withFile(
      (at) =>
        manifest(
          server('web', at, [route('/bad', 'bad'), route('/', 'a')]),
          mock('a', 'a'),
          pipeline('bad', [{ name: 'x', kind: 'Mock', rules: [{ match: {}, code: 'many' }] }]),
        ),
      async () => {
        expect(world.findings('Pipeline bad')).toEqual(['InvalidField spec.filters[0].rules[0].code']);
        expect((await world.get(own, '/bad')).status).toBe(503);
        expect((await world.get(own, '/')).body).toBe('a');
      },
    ));

  it('a backward jumpIf: refused with its path, never a loop', () =>
    withFile(
      (at) => {
        const filters = ['one', 'two'].map((name) => ({ name, kind: 'Mock', rules: [{ match: {}, code: 200 }] }));
        const flow = [{ filter: 'one' }, { filter: 'two', jumpIf: { mocked: 'one' } }];
        return manifest(
          server('web', at, [route('/bad', 'bad'), route('/', 'a')]),
          mock('a', 'a'),
          pipeline('bad', filters, { flow }),
        );
      },
      async () => {
        expect(world.findings('Pipeline bad')).toEqual(['InvalidJumpTarget spec.flow[1].jumpIf.mocked']);
        expect((await world.get(own, '/bad')).status).toBe(503);
        expect((await world.get(own, '/')).body).toBe('a');
      },
    ));

  it('a bomb of aliases: refused as a file, in bounded memory, and its neighbour in the folder serves', () =>
    withFile(
      () => {
        const lines = ['a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]'];
        for (let i = 1; i <= 12; i++)
          lines.push(
            `a${i}: &a${i} [${Array(10)
              .fill(`*a${i - 1}`)
              .join(', ')}]`,
          );
        return `kind: Pipeline\nname: bomb\n${lines.join('\n')}\n`;
      },
      async (name) => {
        expect(world.fileFindings(name)).toMatchObject([{ code: 'FileTooLarge' }]);
        expect(() => world.status('Pipeline bomb')).toThrow('no status');
      },
    ));

  it('two servers that claim one port with different settings: the first serves, the second is told which and why', () =>
    withFile(
      (at) =>
        manifest(
          server('a-first', at, [route('/', 'a')]),
          server('b-second', at, [route('/b', 'b')], { keepAlive: false }),
          mock('a', 'a'),
          mock('b', 'b'),
        ),
      async () => {
        expect(world.findings('HTTPServer b-second')).toContain('PortSettingConflict spec.keepAlive');
        expect(world.condition('HTTPServer b-second', 'Accepted')).toMatchObject({
          status: 'False',
          reason: 'PortSettingConflict',
          message: expect.stringContaining('a-first'),
        });
        expect(world.findings('HTTPServer a-first')).toEqual([]);
        const answer = await world.get(own, '/b');
        expect([answer.body, answer.headers.has('connection')]).toEqual(['a', false]);
      },
    ));

  it('what the proxy refuses is told on the object, and keeps the build that it had', () =>
    withFile(
      (at) =>
        manifest(
          server('web', at, [{ path: '/u/{id}', rewriteTarget: '/v/{id}', backend: 'a' }], { routerKind: 'RadixTree' }),
          mock('a', 'a'),
        ),
      async (name) => {
        expect((await world.get(own, '/u/7')).body).toBe('a');
        const paths = [{ path: '/u/{id}', rewriteTarget: '/v/{nobody}', backend: 'a' }];
        await world.write(name, manifest(server('web', own, paths, { routerKind: 'RadixTree' }), mock('a', 'a')));
        await world.until('it is told', () => world.condition('HTTPServer web', 'Programmed').status === 'False');
        expect(world.condition('HTTPServer web', 'Programmed')).toMatchObject({
          reason: 'BuildFailed',
          message: expect.stringContaining('nobody'),
        });
        expect((await world.get(own, '/u/7')).body).toBe('a');
      },
    ));

  it('what a proxy cannot build from the start answers 503, and its siblings serve', () =>
    withFile(
      (at) => {
        const tls = { mtls: { rootCertBase64: Buffer.from('no certificate').toString('base64') } };
        return manifest(
          server('web', at, [route('/bad', 'bad'), route('/', 'a')]),
          mock('a', 'a'),
          proxying('bad', 1, { servers: [{ url: 'https://127.0.0.1:1' }] }, tls),
        );
      },
      async () => {
        expect((await world.get(own, '/bad')).status).toBe(503);
        expect((await world.get(own, '/')).body).toBe('a');
        await world.until('it is told', () => world.condition('Pipeline bad', 'Programmed').status === 'False');
        expect(world.condition('Pipeline bad', 'Programmed').message).toContain(
          '`rootCertBase64` holds no certificate',
        );
      },
    ));
});
