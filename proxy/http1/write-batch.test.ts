import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WriteBatch, type WriteOwner } from './write-batch.ts';

class Owner implements WriteOwner {
  writables = 0;
  flushes = 0;

  writable(): void {
    this.writables++;
  }

  flushed(): void {
    this.flushes++;
  }
}

interface Pair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: Socket;
}

async function pair(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await new Promise((resolve) => near.once('connect', resolve));
  const far = await accepted;
  near.on('error', () => {});
  far.on('error', () => {});
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy();
      far.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function read(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on('data', (data: Buffer) => {
      chunks.push(data);
      size += data.length;
      if (size >= length) resolve(Buffer.concat(chunks));
    });
  });
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a batch of writes', () => {
  it('sends all parts of a turn in order in one call, text as one byte per character', async () => {
    await using sockets = await pair();
    const owner = new Owner();
    const batch = new WriteBatch(sockets.near, owner);
    const got = read(sockets.far, 6);
    batch.add('a\xe4');
    batch.add(Buffer.from('bc'));
    batch.add('de');
    expect(owner.flushes).toBe(0);
    expect((await got).toString('latin1')).toBe('a\xe4bcde');
    expect([owner.flushes, batch.written]).toEqual([1, 6]);
  });

  it('sends large parts unharmed and tells when it is full and when not', async () => {
    await using sockets = await pair();
    const owner = new Owner();
    const batch = new WriteBatch(sockets.near, owner, 1024);
    const big = Buffer.alloc(32 * 1024 * 1024, 'abcdefgh');
    batch.add('head');
    expect(batch.full).toBe(false);
    batch.add(big);
    expect(batch.full).toBe(true);
    await nextTurn();
    expect(batch.full).toBe(true);
    expect(owner.writables).toBe(0);
    const got = await read(sockets.far, big.length + 4);
    expect(got.subarray(4).equals(big)).toBe(true);
    while (owner.writables === 0) {
      batch.drained();
      await nextTurn();
    }
    expect(batch.full).toBe(false);
  });

  it('ends the socket after what is queued', async () => {
    await using sockets = await pair();
    const batch = new WriteBatch(sockets.near, new Owner());
    const ended = new Promise((resolve) => sockets.far.once('end', resolve));
    const got = read(sockets.far, 4);
    batch.end();
    batch.add('last');
    expect((await got).toString()).toBe('last');
    await ended;
  });

  it('forgets what is queued when it is dropped', async () => {
    await using sockets = await pair();
    const owner = new Owner();
    const batch = new WriteBatch(sockets.near, owner);
    batch.add('x');
    batch.drop();
    await nextTurn();
    expect([owner.flushes, batch.written]).toEqual([0, 0]);
  });
});

describe('lent parts', () => {
  it('go back when the kernel has them', async () => {
    await using sockets = await pair();
    const back: Buffer[] = [];
    const batch = new WriteBatch(sockets.near, new Owner());
    const part = Buffer.from('abc');
    batch.addLent(part, { recycle: (data) => back.push(data) });
    batch.addLent(Buffer.from('def'), {});
    batch.addLent(Buffer.from('ghi'), null);
    expect(back).toEqual([]);
    await read(sockets.far, 9);
    expect(back).toEqual([part]);
  });

  it('stay lent while the socket still has bytes to send, and go back when it has drained', async () => {
    await using sockets = await pair();
    const back: Buffer[] = [];
    const batch = new WriteBatch(sockets.near, new Owner());
    sockets.near.on('drain', () => batch.drained());
    batch.addLent(Buffer.alloc(32 * 1024 * 1024), { recycle: (data) => back.push(data) });
    await nextTurn();
    await nextTurn();
    expect(sockets.near.writableLength).toBeGreaterThan(0);
    expect(back.length).toBe(0);
    batch.addLent(Buffer.from('later'), { recycle: (data) => back.push(data) });
    const drained = new Promise((resolve) => sockets.near.once('drain', resolve));
    sockets.far.resume();
    await drained;
    expect(back.length).toBeGreaterThan(0);
  });

  it('are never given back once the batch is dropped', async () => {
    await using sockets = await pair();
    const back: Buffer[] = [];
    const batch = new WriteBatch(sockets.near, new Owner());
    batch.addLent(Buffer.alloc(32 * 1024 * 1024), { recycle: (data) => back.push(data) });
    await nextTurn();
    await nextTurn();
    batch.drop();
    batch.drained();
    expect(back).toEqual([]);
  });
});
