import { describe, expect, it } from 'vitest';
import { exchange, okAnswer, origin, TestConnection } from '#test/support/client-connection.ts';
import { answer, startRawOrigin } from '#test/support/raw-origin.ts';

describe('the answer', () => {
  it('comes with head, body and the gateway in Via, and the connection is free again', async () => {
    const text =
      'HTTP/1.1 201 Made\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok';
    const { received, reused } = await exchange(text);
    expect(received.responseHead?.reason).toBe('Made');
    expect([received.status, received.text]).toEqual([201, 'ok']);
    expect(received.headers.getAll('set-cookie')).toEqual(['a', 'b']);
    expect(received.headers.get('date')).toBe('Mon, 01 Jan 2024 00:00:00 GMT');
    expect(received.headers.get('via')).toBe('1.1 easegress');
    expect(reused).toBe(true);
  });

  it('loses the fields of the connection and those that Connection names', async () => {
    const { received } = await exchange(
      'HTTP/1.1 200 OK\r\nConnection: x-s\r\nX-S: 1\r\nKeep-Alive: timeout=99\r\nX-K: 1\r\nContent-Length: 0\r\n\r\n',
    );
    expect(received.headers.names).toEqual(['X-K', 'Content-Length', 'Via']);
  });

  it('loses what an origin asks of a proxy', async () => {
    const { received } = await exchange(
      'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
    );
    expect([received.status, received.headers.names]).toEqual([407, ['Content-Length', 'Via']]);
  });

  it('takes several requests one after the other', async () => {
    await using raw = await origin(okAnswer);
    const client = await new TestConnection().open(raw);
    for (let i = 0; i < 3; i++) expect((await client.send().finished()).text).toBe('ok');
    expect(raw.connections.length).toBe(1);
    expect([client.frees, client.connection.served]).toEqual([3, 3]);
  });

  it.each([
    ['HEAD', 200, 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', '1000'],
    ['GET', 304, 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n', '1000'],
    ['GET', 204, 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    ['HEAD', 200, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', undefined],
  ])('has no body for %s %i and swallows nothing of the next one', async (method, status, first, length) => {
    let count = 0;
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => connection.send(count++ === 0 ? first : okAnswer));
    });
    const client = await new TestConnection().open(raw);
    const received = await client.send({ method }).finished();
    expect([received.status, received.source, received.headers.get('content-length')]).toEqual([status, null, length]);
    expect((await client.send().finished()).text).toBe('ok');
    expect(raw.connections.length).toBe(1);
  });

  it('may be chunked, with trailers', async () => {
    const { received, reused } = await exchange(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n3\r\nabc\r\n0\r\nX-Tr: 1\r\n\r\n',
    );
    expect([received.text, received.trailers?.get('x-tr'), received.source?.length]).toEqual(['okabc', '1', -1]);
    expect(received.headers.has('transfer-encoding')).toBe(false);
    expect(reused).toBe(true);
  });

  it('may last until the origin closes, and then the connection is not used again', async () => {
    const { received, reused } = await exchange('HTTP/1.1 200 OK\r\n\r\nall of it', (connection) => connection.end());
    expect([received.text, received.ended, received.bodyError]).toEqual(['all of it', true, null]);
    expect(reused).toBe(false);
  });

  it('breaks off when the origin resets in a body that lasts until close', async () => {
    await using raw = await origin('HTTP/1.1 200 OK\r\n\r\npart');
    const client = await new TestConnection().open(raw);
    const received = client.send();
    await received.until((each) => each.text === 'part');
    raw.connections[0]?.reset();
    expect((await received.finished()).bodyError?.code).toBe('UpstreamReset');
  });

  it.each([
    ['Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nabc'],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('never ends cleanly when it is truncated: %s', async (_name, text) => {
    const { received, client } = await exchange(text, (connection) => connection.end());
    expect([received.status, received.text, received.ended]).toEqual([200, 'abc', false]);
    expect(received.bodyError?.code).toBe('UpstreamReset');
    expect(client.doneWith.map((error) => error?.code)).toEqual(['UpstreamReset']);
  });

  it.each([
    ['garbage', 'garbage\r\n\r\n'],
    [
      'both framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 2\r\n\r\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok'],
    ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok'],
    ['101 unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ])('is a 502 when it is doubtful: %s', async (_name, text) => {
    const { received, reused, closed } = await exchange(text);
    expect([received.failure?.code, received.failure?.status]).toEqual(['UpstreamProtocol', 502]);
    expect([reused, closed]).toEqual([false, true]);
  });

  it('breaks off when a chunk is malformed', async () => {
    const { received } = await exchange('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX\r\n0\r\n\r\n');
    expect(received.bodyError?.code).toBe('UpstreamProtocol');
  });

  it('does not use a connection again on which more came than the answer', async () => {
    const { received, reused, closed } = await exchange(`${okAnswer}HTTP/1.1 200 OK\r\n`);
    expect(received.text).toBe('ok');
    expect([reused, closed]).toEqual([false, true]);
  });

  it('closes an idle connection on which the origin speaks or which it closes', async () => {
    for (const act of ['speak', 'end', 'reset'] as const) {
      await using raw = await origin(okAnswer);
      const client = await new TestConnection().open(raw);
      await client.send().finished();
      const [connection] = raw.connections;
      if (act === 'speak') connection?.send('HTTP/1.1 408 Request Timeout\r\n\r\n');
      else connection?.[act]();
      await client.whenClosed;
      expect(client.connection.usable).toBe(false);
      expect(client.closes).toBe(1);
    }
  });

  it('closes the connection after Connection: close and after HTTP/1.0', async () => {
    for (const head of ['HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.0 200 OK']) {
      const { received, reused } = await exchange(`${head}\r\nContent-Length: 2\r\n\r\nok`);
      expect([received.text, reused]).toEqual(['ok', false]);
    }
  });

  it.each([
    ['nothing', '', 'UpstreamReset'],
    ['half a head', 'HTTP/1.1 200 OK\r\nX-A', 'UpstreamProtocol'],
  ])('fails when the origin closes after %s', async (_name, text, code) => {
    const { received } = await exchange(text, (connection) => connection.end());
    expect(received.failure?.code).toBe(code);
  });

  it('says whether a lost request may be repeated', async () => {
    const { received } = await exchange('', (connection) => connection.reset());
    expect(received.failure?.retry).toBe('idempotent');
    await using raw = await origin(okAnswer);
    const client = await new TestConnection().open(raw);
    const early = client.send();
    // The socket dies in the same turn, before anything was written.
    (client.connection as unknown as { socket: { emit(name: string, error: Error): void } }).socket.emit(
      'error',
      new Error('dead'),
    );
    expect((await early.finished()).failure?.retry).toBe('unsent');
  });

  it('arrives whole when it comes byte by byte', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => {
        void (async () => {
          for (const byte of 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n') {
            connection.send(byte);
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
      });
    });
    const client = await new TestConnection().open(raw);
    const received = await client.send().finished();
    expect([received.text, received.trailers?.get('x-t'), client.frees]).toEqual(['hello', '1', 1]);
  });

  it('arrives unharmed when it is long, and no chunk is written to again', async () => {
    const long = Buffer.alloc(3 * 1024 * 1024);
    for (let i = 0; i < long.length; i++) long[i] = (i * 31 + (i >> 8)) & 255;
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => {
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${long.length}\r\n\r\n`);
        connection.send(long);
      });
    });
    const client = await new TestConnection().open(raw);
    for (let i = 0; i < 2; i++) {
      const received = await client.send().finished();
      expect(Buffer.concat(received.chunks).equals(long)).toBe(true);
    }
    expect(client.frees).toBe(2);
  });
});

describe('memory of a long body', () => {
  function counting(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i += 4) bytes.writeUInt32LE(i, i);
    return bytes;
  }

  it('is used again when the receiver gives it back, and never before', async () => {
    const long = counting(4 * 1024 * 1024);
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => {
        connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${long.length}\r\n\r\n`);
        connection.send(long);
      });
    });
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    const memories = new Set<ArrayBufferLike>();
    const kept: Buffer[] = [];
    let size = 0;
    let wrong = 0;
    let chunks = 0;
    await new Promise<void>((resolve, reject) => {
      received.source?.start({
        chunk(data) {
          if (!data.equals(long.subarray(size, size + data.length))) wrong++;
          size += data.length;
          chunks++;
          memories.add(data.buffer);
          // Every fourth one is kept, as by somebody who needs it for longer.
          if (chunks % 4 === 0) kept.push(data, long.subarray(size - data.length, size));
          else received.source?.recycle?.(data);
        },
        end: () => resolve(),
        error: reject,
      });
    });
    expect([size, wrong]).toEqual([long.length, 0]);
    for (let i = 0; i < kept.length; i += 2) expect(kept[i]?.equals(kept[i + 1] as Buffer)).toBe(true);
    expect(memories.size).toBeLessThan(chunks);
  });

  it('that comes back twice, or is not its own, does no harm', async () => {
    const { received } = await exchange(answer('x'.repeat(40_000)));
    const [chunk] = received.chunks;
    for (let i = 0; i < 3; i++) received.source?.recycle?.(chunk as Buffer);
    received.source?.recycle?.(Buffer.from('foreign'));
    expect(received.text.length).toBe(40_000);
  });
});

describe('limits of the answer', () => {
  it('refuses a declared body over the limit before anything is passed on', async () => {
    const { received } = await exchange(answer('12345'), undefined, {}, { maxBody: 4 });
    expect([received.failure?.code, received.status]).toEqual(['UpstreamTooLarge', 0]);
  });

  it('breaks off a body that turns out to be over the limit', async () => {
    const { received } = await exchange(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n1\r\n5\r\n0\r\n\r\n',
      undefined,
      {},
      { maxBody: 4 },
    );
    expect([received.text, received.bodyError?.code]).toEqual(['1234', 'UpstreamTooLarge']);
  });

  it('passes an answer to HEAD whatever length it states', async () => {
    const { received } = await exchange(
      'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n',
      undefined,
      { method: 'HEAD' },
      { maxBody: 4 },
    );
    expect([received.status, received.headers.get('content-length')]).toEqual([200, '9999']);
  });
});

describe('interim answers', () => {
  it('are passed on in order, but for 100', async () => {
    const { received } = await exchange(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n${okAnswer}`,
    );
    expect(received.interim.map(([status]) => status)).toEqual([103, 199]);
    expect(received.interim[0]?.[1].get('link')).toBe('</a>');
    expect(received.text).toBe('ok');
  });

  it('are bounded in number', async () => {
    const { received } = await exchange('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17));
    expect([received.failure?.code, received.interim.length]).toEqual(['UpstreamProtocol', 16]);
  });
});
