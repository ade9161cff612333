import { describe, expect, it } from 'vitest';
import { KeptConnection, get } from '#test/support/answers.ts';
import { manifest, mock, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld } from '#test/support/world.ts';

describe.each<0 | 1>([0, 1])('a proxy with %i data threads that is disposed of', (threads) => {
  it('leaves nothing open: its ports refuse, its connections end', async () => {
    const port = await reservePort();
    await using world = await startWorld({
      threads,
      manifests: { 'web.yaml': manifest(server('web', port, [route('/', 'a')]), mock('a', 'a')) },
    });
    await using connection = new KeptConnection(port);
    expect((await connection.ask(get('/'))).body).toBe('a');
    await world.stopProxy(0);
    await connection.raw.until(({ closed, ended }) => closed || ended);
    await expect(world.get(port, '/')).rejects.toThrow('ECONNREFUSED');
  });
});
