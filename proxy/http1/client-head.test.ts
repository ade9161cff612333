import { describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { exchange, okAnswer, origin, TestConnection } from '#test/support/client-connection.ts';
import { startRawOrigin } from '#test/support/raw-origin.ts';
import { PushBody, textBody } from '#test/support/upstream-call.ts';
import type { OutgoingRequest } from './client-exchange.ts';

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
