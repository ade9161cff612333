import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { manifest, mock, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { badAnswers } from '#test/support/steady-client.ts';
import { startWorld } from '#test/support/world.ts';

// What people and tools do to files, seen by a client that asks all the while.

function web(port: number, body = 'a'): string {
  return manifest(server('web', port, [route('/', 'a')]), mock('a', body));
}

describe('a manifest', () => {
  it('that is renamed changes nothing for a client', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port) } });
    const at = (name: string): string => path.join(world.manifests, name);
    const lost = await badAnswers(port, async () => {
      for (const [from, to] of [
        ['web.yaml', 'a.yaml'],
        ['a.yaml', 'zz.yaml'],
        ['zz.yaml', 'm.yaml'],
      ] as const) {
        renameSync(at(from), at(to));
        await world.until(
          'it is seen',
          () => world.control.store.get('HTTPServer/default/web')?.location.startsWith(to) === true,
        );
      }
      await world.write('m.yaml', web(port, 'still followed'));
    });
    expect(lost).toEqual([]);
    expect((await world.get(port, '/')).body).toBe('still followed');
    expect([...world.control.store.placeDiagnostics()]).toEqual([]);
  });

  it('that an editor empties and then writes is never served empty', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port, 'a0') } });
    const file = path.join(world.manifests, 'web.yaml');
    const lost = await badAnswers(port, async () => {
      for (let edit = 1; edit <= 3; edit++) {
        const { sequence } = world.control.store;
        writeFileSync(file, '');
        await sleep(60); // longer than the source waits for quiet
        writeFileSync(file, web(port, `a${edit}`));
        await world.until('the edit is seen', () => world.control.store.sequence > sequence);
        await world.control.loop.settled();
        await world.applied();
        expect((await world.get(port, '/')).body).toBe(`a${edit}`);
      }
    });
    expect(lost).toEqual([]);
  });

  it('that is moved to another file together with an edit is followed', async () => {
    const port = await reservePort();
    const manifests = {
      'web.yaml': manifest(server('web', port, [route('/', 'a')])),
      'a.yaml': manifest(mock('a', 'old')),
    };
    await using world = await startWorld({ manifests });
    const lost = await badAnswers(port, async () => {
      await world.write('web.yaml', web(port, 'new'));
      await world.remove('a.yaml');
    });
    expect(lost).toEqual([]);
    expect((await world.get(port, '/')).body).toBe('new');
  });

  it('that is too large, links out of the folder, or is no regular file costs itself and nothing else', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port) } });
    const outside = path.join(world.dir, 'outside.yaml');
    writeFileSync(outside, manifest(mock('outside', 'x')));
    await world.write('large.yaml', `${web(port)}\n# ${'x'.repeat(10 * 1024 * 1024)}`);
    symlinkSync(outside, path.join(world.manifests, 'link.yaml'));
    await world.until(
      'both are told',
      () => world.fileFindings('large.yaml').length + world.fileFindings('link.yaml').length >= 2,
    );
    expect(world.fileFindings('large.yaml')).toMatchObject([{ code: 'FileTooLarge' }]);
    expect(world.fileFindings('link.yaml')).toMatchObject([{ code: 'FileUnreadable' }]);
    expect(world.control.statuses.all.has('Pipeline/default/outside')).toBe(false);
    expect((await world.get(port, '/')).body).toBe('a');
  });
});

describe('a storm of edits', () => {
  it.each<0 | 2>([0, 2])(
    'with %i data threads, broken ones among them, ends with the last, and costs no request',
    async (threads) => {
      const port = await reservePort();
      await using world = await startWorld({ threads, manifests: { 'web.yaml': web(port, 'a0') } });
      const lost = await badAnswers(port, async () => {
        for (let edit = 1; edit <= 100; edit++) {
          world.put('web.yaml', edit % 5 === 0 ? `${web(port, `a${edit}`)}\n---\nbroken: [` : web(port, `a${edit}`));
          await sleep(5);
        }
        world.put('web.yaml', web(port, 'the last'));
        await world.untilAnswer(
          'the last is there',
          () => world.get(port, '/'),
          ({ body }) => body === 'the last',
        );
      });
      expect(lost).toEqual([]);
      await world.applied();
      expect(world.fileFindings('web.yaml')).toEqual([]);
    },
  );
});

describe('the folder', () => {
  it('that is taken away and put back is followed', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: { 'web.yaml': web(port) } });
    const away = `${world.manifests}-away`;
    renameSync(world.manifests, away);
    await sleep(100);
    renameSync(away, world.manifests);
    const { sequence } = world.control.store;
    world.put('web.yaml', web(port, 'after'));
    await world.until('the edit is seen', () => world.control.store.sequence > sequence);
    await world.untilAnswer(
      'it serves',
      () => world.get(port, '/'),
      ({ body }) => body === 'after',
    );
  });
});

describe('a folder that is mounted from a ConfigMap', () => {
  it('is swapped whole by its link, without a gap', async () => {
    const port = await reservePort();
    await using world = await startWorld({ manifests: {} });
    const at = (name: string): string => path.join(world.manifests, name);
    const version = (name: string, body: string): void => {
      mkdirSync(at(name));
      writeFileSync(at(`${name}/web.yaml`), web(port, body));
      symlinkSync(name, at('..data_tmp'));
      renameSync(at('..data_tmp'), at('..data'));
    };
    version('..one', 'one');
    symlinkSync('..data/web.yaml', at('web.yaml'));
    await world.until('it serves', () => world.control.statuses.all.has('HTTPServer/default/web'));
    await world.control.loop.settled();
    await world.applied();
    expect((await world.get(port, '/')).body).toBe('one');
    const lost = await badAnswers(port, async () => {
      const { sequence } = world.control.store;
      version('..two', 'two');
      rmSync(at('..one'), { recursive: true });
      await world.until('it is seen', () => world.control.store.sequence > sequence);
      await world.control.loop.settled();
      await world.applied();
    });
    expect(lost).toEqual([]);
    expect((await world.get(port, '/')).body).toBe('two');
  });
});
