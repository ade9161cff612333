import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakeSink } from '#test/support/fake-sink.ts';
import { sourceFor, startPushOperator, tokens } from '#test/support/push-operator.ts';
import { backOff, streamTimes } from './stream.ts';

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a proxy without its operator', () => {
  it.each([
    [0, 0.5, 50],
    [1, 1, 200],
    [3, 0.25, 200],
    [7, 1, 10_000],
    [1000, 1, 10_000],
    [1000, 0, 0],
  ])('after %i failures with chance %d waits %d ms', (failures, chance, ms) => {
    expect(backOff(failures, streamTimes, () => chance)).toBe(ms);
  });

  it('tries its operators in turn until one answers', async () => {
    await using operator = await startPushOperator();
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const sink = new FakeSink();
    const addresses = [`127.0.0.1:${port}`, `127.0.0.1:${operator.port}`];
    await using source = sourceFor(operator, { addresses });
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect(source.status()).toMatchObject({ connected: true, operator: addresses[1], attempts: 2 });
  });

  it('reads its token again for every connection', async () => {
    await using operator = await startPushOperator();
    const sink = new FakeSink();
    const read = ['', 'not-the-right-token', `# comment\n${tokens.default} default\n`];
    let reads = 0;
    const readToken = (): Promise<string> => Promise.resolve(read[reads++] ?? '');
    await using source = sourceFor(operator, { readToken });
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect([reads, source.status().lastError]).toEqual([
      3,
      expect.stringMatching(/^operator answered 401: it does not know the token/),
    ]);
  });

  it('does not wait for an operator that accepts and says nothing', async () => {
    const mute = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    await using source = sourceFor(
      { port, ca: '' },
      { times: { ...streamTimes, firstWait: 1, longestWait: 1, connect: 30 } },
    );
    await source.start(new FakeSink());
    while (source.status().attempts < 2) await turn();
    expect(source.status().lastError).toBe('operator does not answer');
    await source[Symbol.asyncDispose]();
    mute.close();
  });

  it('ends at once when it is told to, whatever it waits for', async () => {
    await using operator = await startPushOperator();
    const source = sourceFor(operator, {
      readToken: () => Promise.reject(new Error('no file')),
      times: streamTimes,
      random: () => 1,
    });
    await source.start(new FakeSink());
    while (source.status().lastError === '') await turn();
    expect(source.status().lastError).toBe('CA or token cannot be read: no file');
    await source[Symbol.asyncDispose]();
  });
});
