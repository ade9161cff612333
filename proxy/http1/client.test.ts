import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { answer, type RawConnection, type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { Answer, makeRequest, PushBody, textBody } from '#test/support/upstream-call.ts';
import { ClientConnection } from './client.ts';
import type { Destination, ExchangeObserver, OutgoingRequest } from './client-exchange.ts';

class TestConnection {
  readonly connection: ClientConnection;
  frees = 0;
  closes = 0;
  readonly whenClosed: Promise<void>;
  doneWith: (ProxyError | null)[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whenClosed = promise;
    this.connection = new ClientConnection({
      free: () => this.frees++,
      closed: () => {
        this.closes++;
        resolve();
      },
    });
  }

  async open(origin: RawOrigin): Promise<this> {
    const socket = connect({
      port: origin.port,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
      onread: this.connection.onread,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    this.connection.attach(socket);
    return this;
  }

  send(
    change: Partial<OutgoingRequest & { body: unknown }> = {},
    options: Partial<Destination & { read: boolean }> = {},
  ) {
    const received = new Answer(options.read ?? true);
    const request = makeRequest(change as Parameters<typeof makeRequest>[0]);
    const observer: ExchangeObserver = {
      inform: (status, headers) => received.inform(status, headers),
      head: (head, body) => received.head(head, body),
      failed: (error) => received.error(error),
      done: (error) => this.doneWith.push(error),
    };
    const to: Destination = { pathPrefix: '', host: null, ownHost: 'own.test', maxBody: -1, ...options };
    this.connection.send(request, request.body, to, observer);
    return received;
  }
}

/** An origin that answers every request with `text`, then does what `after` says. */
function origin(text: string, after: (connection: RawConnection) => void = () => {}): Promise<RawOrigin> {
  return startRawOrigin((connection) => {
    connection.onRequest(() => {
      connection.send(text);
      after(connection);
    });
  });
}

async function exchange(text: string, after?: (connection: RawConnection) => void, change = {}, options = {}) {
  await using raw = await origin(text, after);
  const client = await new TestConnection().open(raw);
  const received = await client.send(change, options).finished();
  const result = { received, client, requests: raw.requests, reused: client.frees > 0, closed: client.closes > 0 };
  client.connection.destroy();
  return result;
}

const okAnswer = answer('ok');

describe('the request as it goes upstream', () => {
  async function sent(change: Partial<OutgoingRequest & { body: unknown }>, options = {}): Promise<string> {
    const { requests } = await exchange(okAnswer, undefined, change, options);
    return requests[0] as string;
  }

  it('keeps names, case, order and duplicates, with Host first', async () => {
    const headers = HeaderList.of(['X-L', '1'], ['user-agent', 'x'], ['x-L', '2'], ['Authorization', 'Bearer x']);
    expect(await sent({ headers, target: '/a%2Fb/..%2fc?x=%20' })).toBe(
      'GET /a%2Fb/..%2fc?x=%20 HTTP/1.1\r\nHost: a.test\r\nX-L: 1\r\nuser-agent: x\r\nx-L: 2\r\n' +
        'Authorization: Bearer x\r\nVia: 1.1 easegress\r\n\r\n',
    );
  });

  it('adds its Via after the ones that came', async () => {
    expect(await sent({ headers: HeaderList.of(['Via', '1.0 other']) })).toContain(
      'Via: 1.0 other\r\nVia: 1.1 easegress\r\n',
    );
  });

  it('puts the server path before the target, but not before an asterisk', async () => {
    expect(await sent({ target: '/x?y' }, { pathPrefix: '/api' })).toMatch(/^GET \/api\/x\?y HTTP\/1\.1\r\n/);
    expect(await sent({ method: 'OPTIONS', target: '*' }, { pathPrefix: '/api' })).toMatch(/^OPTIONS \* HTTP/);
  });

  it.each([
    [{ authority: 'client.test:81' }, {}, 'client.test:81'],
    [{ authority: 'client.test' }, { host: 'server.test:90' }, 'server.test:90'],
    [{ authority: '' }, {}, 'own.test'],
  ])('takes Host from the destination, the client or the server: %o %o', async (change, options, host) => {
    expect(await sent(change, options)).toContain(`\r\nHost: ${host}\r\n`);
  });

  it('leaves out what belongs to a connection, whatever a filter put there', async () => {
    const names = [
      'Connection',
      'Keep-Alive',
      'Proxy-Connection',
      'TE',
      'Trailer',
      'Transfer-Encoding',
      'Upgrade',
      'Host',
      'Expect',
      'Content-Length',
      'Proxy-Authorization',
      'Proxy-Authenticate',
      'HTTP2-Settings',
    ];
    const headers = HeaderList.of(...names.map((name) => [name, '5'] as const), ['X-Stay', '1']);
    expect(await sent({ headers })).toBe('GET / HTTP/1.1\r\nHost: a.test\r\nX-Stay: 1\r\nVia: 1.1 easegress\r\n\r\n');
  });

  it('passes bytes beyond ASCII unchanged', async () => {
    expect(await sent({ headers: HeaderList.of(['X-N', '\xe4\xf6']) })).toContain('X-N: \xe4\xf6\r\n');
  });

  it('states a length of 0 for methods that usually have a body', async () => {
    expect(await sent({ method: 'POST' })).toContain('\r\nContent-Length: 0\r\n\r\n');
    expect(await sent({ method: 'GET' })).not.toContain('Content-Length');
  });

  it('frames a body of known length by Content-Length, also with GET', async () => {
    expect(await sent({ body: textBody('12345') })).toMatch(/\r\nContent-Length: 5\r\n\r\n12345$/);
  });

  it('frames a body of unknown length as chunks, with trailers', async () => {
    await using raw = await origin(okAnswer);
    const client = await new TestConnection().open(raw);
    const body = new PushBody();
    const received = client.send({ method: 'POST', body });
    body.push('hello');
    body.push('0123456789abcdef');
    body.end(HeaderList.of(['X-T', '1'], ['Content-Length', '5']));
    await received.finished();
    expect(raw.requests[0]).toMatch(
      /\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX-T: 1\r\n\r\n$/,
    );
    expect(client.frees).toBe(1);
  });

  it.each([
    [{ headers: HeaderList.of(['X-A', 'b\r\nX-Evil: 1']) }],
    [{ headers: HeaderList.of(['X-A\r\nX-Evil', '1']) }],
    [{ headers: HeaderList.of(['X-A', 'snowman \u2603']) }],
    [{ target: '/ HTTP/1.1\r\nX-Evil: 1' }],
    [{ authority: 'a\r\nX-Evil: 1' }],
    [{ method: 'GET /' }],
  ])('refuses to write what would break the head: %o', async (change) => {
    const { received, requests } = await exchange(okAnswer, undefined, change);
    expect(received.failure?.code).toBe('Internal');
    expect(requests).toEqual([]);
  });

  it('aborts when the request body breaks off, so that the origin never sees a whole request', async () => {
    await using raw = await startRawOrigin(() => {});
    const client = await new TestConnection().open(raw);
    const body = new PushBody(10);
    const received = client.send({ method: 'POST', body });
    body.push('abc');
    await raw.waitForConnections(1);
    await raw.connections[0]?.until((connection) => connection.received.endsWith('abc'));
    body.fail(new ProxyError('ClientAbort', 'gone'));
    await raw.connections[0]?.until((connection) => connection.closed || connection.ended);
    expect((await received.finished()).failure?.code).toBe('ClientAbort');
    expect(client.closes).toBe(1);
  });

  it.each([['abc'], ['abcdef']])('never sends a body that contradicts its length: %s for 5', async (text) => {
    await using raw = await origin(okAnswer);
    const client = await new TestConnection().open(raw);
    const body = new PushBody(5);
    const received = client.send({ method: 'POST', body });
    body.push(text);
    body.end();
    expect((await received.finished()).failure?.code).toBe('Internal');
    expect(raw.requests).toEqual([]);
  });

  it('holds the request body back while the origin does not read, and goes on when it does', async () => {
    await using raw = await startRawOrigin((connection) => connection.socket.pause());
    const client = await new TestConnection().open(raw);
    const size = 64 * 1024 * 1024;
    const body = new PushBody(size);
    const received = client.send({ method: 'POST', body });
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let pushed = 0;
    while (pushed < size) {
      while (!body.paused && pushed < size) {
        body.push(chunk);
        pushed += chunk.length;
      }
      if (pushed < size && pushed > 8 * 1024 * 1024) throw new Error('nothing held the sender back');
      await new Promise((resolve) => setImmediate(resolve));
      if (body.paused) break;
    }
    expect(body.paused).toBe(true);
    expect(pushed).toBeLessThan(8 * 1024 * 1024);
    raw.connections[0]?.socket.resume();
    await body.until((each) => !each.paused);
    client.connection.destroy();
    expect(received.over).toBe(false);
  });
});

describe('the answer', () => {
  it('comes with head, body and the gateway in Via, and the connection is free again', async () => {
    const text =
      'HTTP/1.1 201 Made\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok';
    const { received, reused } = await exchange(text);
    expect(received.head_?.reason).toBe('Made');
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

describe('an answer before the request is whole', () => {
  it('stops the request when the origin refuses it, is passed on whole, and the connection is closed', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    });
    const client = await new TestConnection().open(raw);
    const body = new PushBody(1000);
    const received = client.send({ method: 'POST', body });
    body.push('abc');
    await received.finished();
    expect([received.status, received.text]).toEqual([413, 'no']);
    expect(body.cancelled).toBe(null);
    expect([client.frees, client.closes]).toEqual([0, 1]);
  });

  it('lets both directions go on while the origin answers as it reads', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
      void connection.until((each) => each.received.endsWith('abc')).then(() => connection.send('ABC'));
      void connection.until((each) => each.received.endsWith('abcdef')).then(() => connection.send('DEF'));
    });
    const client = await new TestConnection().open(raw);
    const body = new PushBody(6);
    const received = client.send({ method: 'POST', body });
    await received.until((each) => each.status === 200);
    body.push('abc');
    await received.until((each) => each.text === 'ABC');
    body.push('def');
    body.end();
    await received.finished();
    expect([received.text, client.frees]).toEqual(['ABCDEF', 1]);
  });

  it('ends the request when it is whole first', async () => {
    await using raw = await startRawOrigin((connection) => connection.send(okAnswer));
    const client = await new TestConnection().open(raw);
    const body = new PushBody();
    const received = await client.send({ method: 'POST', body }).finished();
    expect([received.text, body.cancelled, client.frees, client.closes]).toEqual(['ok', null, 0, 1]);
  });
});

describe('back-pressure on the answer', () => {
  it('reads nothing before the body is started', async () => {
    await using raw = await origin(answer('hello'));
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    expect(received.text).toBe('');
    received.source?.start(received);
    expect((await received.finished()).text).toBe('hello');
    expect(client.frees).toBe(1);
  });

  it('stops after the chunk in which the receiver paused and goes on where it stopped', async () => {
    const chunks = ['one', 'two', 'three'].map((text) => `${text.length}\r\n${text}\r\n`).join('');
    await using raw = await origin(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    const seen: string[] = [];
    let ended = false;
    received.source?.start({
      chunk(data) {
        seen.push(data.toString());
        received.source?.pause();
      },
      end: () => (ended = true),
      error: () => {},
    });
    expect(seen).toEqual(['one']);
    received.source?.resume();
    expect(seen).toEqual(['one', 'two']);
    received.source?.resume();
    expect([seen.length, ended]).toEqual([3, false]);
    received.source?.resume();
    expect([ended, client.frees]).toEqual([true, 1]);
  });

  it('holds an origin back that sends more than anybody reads', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\n\r\n'));
    });
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    const socket = raw.connections[0]?.socket;
    const block = Buffer.alloc(1024 * 1024);
    let sent = 0;
    while (socket?.write(block) === true && sent < 64) sent++;
    expect(socket?.writableNeedDrain).toBe(true);
    const buffered = socket?.writableLength ?? 0;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(socket?.writableLength).toBe(buffered);
    client.connection.destroy();
  });

  it('hears of the end that came while the receiver paused', async () => {
    await using raw = await origin('HTTP/1.1 200 OK\r\n\r\nrest', (connection) => connection.end());
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    received.source?.start(received);
    expect((await received.finished()).text).toBe('rest');
    expect(received.ended).toBe(true);
  });
});

describe('giving up', () => {
  it('closes the connection at once and calls nothing any more', async () => {
    await using raw = await startRawOrigin(() => {});
    const client = await new TestConnection().open(raw);
    const received = new Answer();
    const exchange_ = client.connection.send(
      makeRequest(),
      null,
      { pathPrefix: '', host: null, ownHost: '', maxBody: -1 },
      { inform: () => {}, head: () => {}, failed: (error) => received.error(error), done: () => {} },
    );
    await raw.waitForConnections(1);
    await raw.connections[0]?.until((each) => each.received.endsWith('\r\n\r\n'));
    exchange_.cancel(new ProxyError('ClientAbort', 'gone'));
    await raw.connections[0]?.until((each) => each.ended || each.closed);
    expect([received.failure, client.closes]).toEqual([null, 1]);
  });

  it('keeps the connection when the rest of the unwanted answer is there already', async () => {
    await using raw = await origin(answer('hello'));
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    received.source?.cancel(null);
    expect([client.frees, client.closes, client.doneWith]).toEqual([1, 0, [null]]);
    expect((await client.send().finished()).text).toBe('hello');
  });

  it('closes the connection when the rest of the unwanted answer is still to come', async () => {
    await using raw = await origin('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello');
    const client = await new TestConnection().open(raw);
    const received = client.send();
    await received.until((each) => each.text === 'hello');
    received.source?.cancel(null);
    expect([client.frees, client.closes, client.doneWith]).toEqual([0, 1, [null]]);
    received.source?.cancel(null);
    expect(client.doneWith.length).toBe(1);
  });
});

describe('upgrades', () => {
  const upgradeHeaders = () => HeaderList.of(['Upgrade', 'websocket'], ['Sec-WebSocket-Key', 'x']);

  it('become a tunnel in which both sides speak, and each ends its own half', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => {
        connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst');
      });
    });
    const client = await new TestConnection().open(raw);
    const tunnel = new PushBody();
    const received = client.send({ headers: upgradeHeaders(), tunnel });
    await received.until((each) => each.text === 'first');
    expect(raw.requests[0]).toContain('\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
    expect(received.headers.get('upgrade')).toBe('websocket');
    await tunnel.until((each) => each.sink !== null);
    tunnel.push('ping');
    const [connection] = raw.connections;
    await connection?.until((each) => each.received.endsWith('ping'));
    connection?.send('pong');
    await received.until((each) => each.text === 'firstpong');
    tunnel.end();
    await connection?.until((each) => each.ended);
    connection?.send('last');
    connection?.end();
    await received.finished();
    expect([received.text, received.bodyError]).toEqual(['firstponglast', null]);
    expect([client.doneWith, client.frees, client.closes]).toEqual([[null], 0, 1]);
  });

  it('break on both sides when one breaks', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() =>
        connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      );
    });
    const first = await new TestConnection().open(raw);
    const tunnel = new PushBody();
    const received = first.send({ headers: upgradeHeaders(), tunnel });
    await tunnel.until((each) => each.sink !== null);
    raw.connections[0]?.reset();
    expect((await received.finished()).bodyError?.code).toBe('UpstreamReset');
    expect(tunnel.cancelled?.code).toBe('UpstreamReset');

    const second = await new TestConnection().open(raw);
    const other = new PushBody();
    const answer_ = second.send({ headers: upgradeHeaders(), tunnel: other });
    await other.until((each) => each.sink !== null);
    other.fail(new ProxyError('ClientAbort', 'gone'));
    expect((await answer_.finished()).bodyError?.code).toBe('ClientAbort');
    await raw.connections[1]?.until((each) => each.closed || each.ended);
  });

  it('that the origin refuses are plain answers', async () => {
    const { received, reused } = await exchange(answer('no', 'HTTP/1.1 403 Forbidden'), undefined, {
      headers: upgradeHeaders(),
      tunnel: new PushBody(),
    });
    expect([received.status, received.text, reused]).toEqual([403, 'no', true]);
  });

  it('to HTTP/2 are never asked for', async () => {
    const { requests } = await exchange(okAnswer, undefined, {
      headers: HeaderList.of(['Upgrade', 'h2c'], ['HTTP2-Settings', 'x']),
      tunnel: new PushBody(),
    });
    expect(requests[0]).toBe('GET / HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 easegress\r\n\r\n');
  });
});

it('joins head and body of a small request in one write', async () => {
  await using raw = await origin(okAnswer);
  const client = await new TestConnection().open(raw);
  const socket = (client.connection as unknown as { socket: { write: (...parts: unknown[]) => boolean } }).socket;
  const writes: unknown[] = [];
  const write = socket.write.bind(socket);
  socket.write = (...parts) => {
    writes.push(parts[0]);
    return write(...parts);
  };
  await client.send({ method: 'POST', body: new BufferBody(Buffer.from('abc')) }).finished();
  expect(writes.length).toBe(1);
});
