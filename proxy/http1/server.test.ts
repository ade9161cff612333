// What a client gets: framing of answers, order, interim answers, upgrades, the end of connections. Raw bytes on both
// sides; row ids as in the conformance table.

import { describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PushBody } from '#proxy/exchange/memory.ts';
import { answer, echo, startHttp1 } from '#test/support/http1-kit.ts';

const get = (lines = '', target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`;
const ok = (...fields: [string, string][]): { status: number; reason: string; headers: HeaderList } => ({
  status: 200,
  reason: 'OK',
  headers: HeaderList.of(...fields),
});
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function streamed(trailers: HeaderList | null, ...parts: string[]): PushBody {
  const body = new PushBody();
  for (const part of parts) body.push(bytes(part));
  body.end(trailers);
  return body;
}

/** What a client of `request` receives until the connection ends; `Connection: close` is added. */
async function received(request: string, handler: (exchange: Exchange) => void): Promise<string> {
  await using kit = await startHttp1({ handler });
  return await kit.client().send(request).untilEnd();
}

const closing = get('Connection: close\r\n');

describe('answers', () => {
  it('state the length of a body that is known, and no other framing', async () => {
    const text = await received(closing, (exchange) =>
      exchange.respond(
        ok(['Content-Length', '99'], ['Transfer-Encoding', 'gzip'], ['X-A', '1']),
        new BufferBody(bytes('hello')),
      ),
    );
    expect(text).toMatch(
      /^HTTP\/1\.1 200 OK\r\nX-A: 1\r\nDate: [^\r]+\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello$/,
    );
  });

  it('are chunked when the length is unknown', async () => {
    const text = await received(closing, (exchange) =>
      exchange.respond(ok(), streamed(null, 'one', 'twotwotwotwotwotwo')),
    );
    expect(text).toMatch(
      /Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\none\r\n12\r\ntwotwotwotwotwotwo\r\n0\r\n\r\n$/,
    );
  });

  it('resp-chunked-to-http10 (9112 6.1): end with the connection for HTTP/1.0', async () => {
    const text = await received('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', (exchange) =>
      exchange.respond(ok(), streamed(null, 'one', 'two')),
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\nDate: [^\r]+\r\nConnection: close\r\n\r\nonetwo$/);
  });

  it('http10-close (9112 9.3): HTTP/1.0 is closed, or kept with a word about it', async () => {
    const closed = await received('GET / HTTP/1.0\r\n\r\n', (exchange) => answer(exchange, 'x'));
    expect(closed).toMatch(/Connection: close\r\n\r\nx$/);
    const kept = await received('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n', (exchange) =>
      answer(exchange, 'x'),
    );
    expect(kept).toMatch(/Connection: keep-alive\r\n\r\nxHTTP\/1\.1 200 OK[^]+Connection: close\r\n\r\nx$/);
  });

  it('resp-chunked-trailers (9110 6.5): go with trailers to those who asked', async () => {
    const trailers = HeaderList.of(['X-Tr', '1'], ['X-Bad', 'a\r\nb'], ['Transfer-Encoding', 'x']);
    const asked = await received(get('TE: trailers\r\nConnection: close, TE\r\n'), (exchange) =>
      exchange.respond(ok(), streamed(trailers, 'x')),
    );
    expect(asked).toMatch(/\r\n0\r\nX-Tr: 1\r\n\r\n$/);
    const silent = await received(closing, (exchange) => exchange.respond(ok(), streamed(trailers, 'x')));
    expect(silent).toMatch(/\r\n0\r\n\r\n$/);
  });

  it('head-no-body (9110 9.3.2): HEAD keeps the length and the next answer stays intact', async () => {
    const text = await received(`HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${closing}`, (exchange) =>
      answer(exchange, 'hello'),
    );
    expect(text).toMatch(
      /^HTTP\/1\.1 200 OK\r\nDate: [^\r]+\r\nContent-Length: 5\r\n\r\nHTTP\/1\.1 200[^]+\r\n\r\nhello$/,
    );
  });

  it('204-no-cl-te (9110 15.3.5)', async () => {
    const text = await received(closing, (exchange) =>
      exchange.respond(
        { status: 204, reason: '', headers: HeaderList.of(['Content-Length', '3']) },
        streamed(null, 'x'),
      ),
    );
    expect(text).toMatch(/^HTTP\/1\.1 204 No Content\r\nDate: [^\r]+\r\nConnection: close\r\n\r\n$/);
  });

  it('304-keeps-cl (9110 15.4.5)', async () => {
    const text = await received(get() + closing, (exchange) =>
      exchange.respond({ status: 304, reason: '', headers: HeaderList.of(['Content-Length', '1000']) }, null),
    );
    expect(text.match(/HTTP\/1\.1 304 Not Modified\r\nContent-Length: 1000\r\n/g)).toHaveLength(2);
  });

  it('resp-hop-connection-listed, resp-keep-alive-hdr (9110 7.6.1)', async () => {
    const fields: [string, string][] = [
      ['Connection', 'X-S, keep-alive'],
      ['X-S', '1'],
      ['Keep-Alive', 'timeout=99'],
      ['Proxy-Connection', 'x'],
      ['Upgrade', 'foo'],
      ['Trailer', 'x'],
      ['TE', 'x'],
      ['X-T', '1'],
    ];
    const text = await received(closing, (exchange) => exchange.respond(ok(...fields), null));
    expect(text).toMatch(
      /^HTTP\/1\.1 200 OK\r\nX-T: 1\r\nDate: [^\r]+\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$/,
    );
  });

  it('date-kept, date-added, set-cookie-not-merged, server-kept (9110 6.6.1)', async () => {
    const text = await received(closing, (exchange) =>
      exchange.respond(
        ok(['date', 'Mon, 01 Jan 2024 00:00:00 GMT'], ['Set-Cookie', 'a'], ['Set-Cookie', 'b'], ['Server', 'x']),
        null,
      ),
    );
    expect(text).toMatch(
      /\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nServer: x\r\nContent-Length/,
    );
    expect(text).not.toMatch(/Date:/);
  });

  it('keep reasons and status codes that nobody knows', async () => {
    const text = await received(closing, (exchange) =>
      exchange.respond({ status: 299, reason: 'Odd \xe4', headers: new HeaderList() }, null),
    );
    expect(text).toMatch(/^HTTP\/1\.1 299 Odd \xe4\r\n/);
  });

  it.each([
    ['a value with CR LF', ok(['X-A', '1\r\nSet-Cookie: a'])],
    ['a value with LF', ok(['X-A', '1\n2'])],
    ['a value with NUL', ok(['X-A', '1\0'])],
    ['a value beyond latin1', ok(['X-A', '\u010a'])],
    ['a name with a colon', ok(['X: 1\r\nX-B', '1'])],
    ['an empty name', ok(['', '1'])],
    ['a reason with CR LF', { ...ok(), reason: 'OK\r\nX-A: 1' }],
    ['a status that is none', { ...ok(), status: 7 }],
    ['a status with a fraction', { ...ok(), status: 200.5 }],
    ['an interim status', { ...ok(), status: 103 }],
  ])('response-split (9110 5.5): %s becomes a plain 500', async (_name, head) => {
    const body = new PushBody();
    const causes: unknown[] = [];
    body.onCancel = (cause) => causes.push(cause);
    const text = await received(get(), (exchange) => exchange.respond(head, body));
    expect(text).toMatch(
      /^HTTP\/1\.1 500 Internal Server Error\r\nDate: [^\r]+\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$/,
    );
    expect(causes).toHaveLength(1);
  });

  it.each([
    ['longer', 'abcdef'],
    ['shorter', 'ab'],
  ])('whose body is %s than declared break off', async (_name, text) => {
    await using kit = await startHttp1({
      handler(exchange) {
        const body = new PushBody(3);
        exchange.respond(ok(), body);
        setTimeout(() => {
          body.push(bytes(text));
          body.end();
        }, 5);
      },
    });
    const client = kit.client().send(get());
    await kit.until(() => kit.outcomes.length === 1);
    await client.untilEnd();
    expect(kit.outcomes[0]?.error?.code).toBe('Internal');
    expect(client.error).toBe('ECONNRESET');
    expect(client.received).not.toContain('abcd');
  });

  it('resp-truncated-chunked (9112 8): never end cleanly when the source broke off', async () => {
    await using kit = await startHttp1({
      handler(exchange) {
        const body = new PushBody();
        exchange.respond(ok(), body);
        body.push(bytes('half'));
        setTimeout(() => body.fail(new ProxyError('UpstreamReset', 'gone')), 5);
      },
    });
    const client = kit.client().send(get());
    await client.untilEnd();
    expect(client.received).not.toContain('\r\n0\r\n');
    expect(client.error).toBe('ECONNRESET');
  });

  it('tell log and metrics the bytes that were on the wire', async () => {
    await using kit = await startHttp1({ handler: (exchange) => exchange.respond(ok(), streamed(null, 'one', 'two')) });
    const request =
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2;x\r\nok\r\n0\r\n\r\n';
    const client = kit.client().send(request);
    const text = await client.untilEnd();
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.outcomes[0]).toEqual({
      status: 200,
      bytesIn: request.indexOf('\r\n\r\n') + 4,
      bytesOut: text.length,
      error: null,
    });
  });

  it('count a request body as it came, chunk lines included', async () => {
    await using kit = await startHttp1();
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\n\r\n';
    kit.client().send(request);
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.outcomes[0]?.bytesIn).toBe(request.length);
  });
});

describe('order and interim answers', () => {
  it('pipeline-order (9112 9.3.2): answers come in the order of requests, the handler sees one at a time', async () => {
    const parked: Exchange[] = [];
    await using kit = await startHttp1({ handler: (exchange) => void parked.push(exchange) });
    const client = kit.client().send(get('', '/1') + get('', '/2') + get('Connection: close\r\n', '/3'));
    for (let i = 0; i < 3; i++) {
      await kit.until(() => parked.length === i + 1);
      await new Promise((resolve) => setImmediate(resolve));
      expect(kit.requests).toHaveLength(i + 1);
      answer(parked[i] as Exchange, `<${(parked[i] as Exchange).head.target}>`);
    }
    expect((await client.untilEnd()).match(/<[^>]+>/g)).toEqual(['</1>', '</2>', '</3>']);
  });

  it('lets others have their turn between pipelined requests', async () => {
    let handled = 0;
    let atNextTurn = -1;
    await using kit = await startHttp1({
      handler(exchange) {
        if (++handled === 1) setImmediate(() => (atNextTurn = handled));
        answer(exchange, '');
      },
    });
    await kit
      .client()
      .send(get().repeat(999) + get('Connection: close\r\n'))
      .untilEnd();
    expect(handled).toBe(1000);
    expect(atNextTurn).toBeLessThanOrEqual(64);
  });

  it('answers thousands of pipelined requests in order, without recursion and within its buffers', async () => {
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, `<${exchange.head.target}>`) });
    const count = 5000;
    const client = kit.client();
    for (let i = 0; i < count; i++) client.send(get('', `/${i}`));
    client.send(closing);
    const order = (await client.untilEnd()).match(/<\/\d+>/g) ?? [];
    expect(order).toEqual(Array.from({ length: count }, (_, i) => `</${i}>`));
  });

  it('expect-100 (9110 10.1.1): 100 comes when the handler wants the body, then the answer', async () => {
    const parked: Exchange[] = [];
    await using kit = await startHttp1({ handler: (exchange) => void parked.push(exchange) });
    const client = kit
      .client()
      .send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n');
    await kit.until(() => parked.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.received).toBe('');
    echo(parked[0] as Exchange);
    await client.untilReceived('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('ok');
    expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[^]+ok$/);
  });

  it('expect-100-final-417 (9110 10.1.1): a final answer instead of 100 closes, for the body may or may not follow', async () => {
    const text = await received(
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
      (exchange) => exchange.respond({ status: 417, reason: '', headers: new HeaderList() }, null),
    );
    expect(text).toMatch(/^HTTP\/1\.1 417 Expectation Failed[^]+Connection: close\r\n\r\n$/);
  });

  it('expect-100-http10-no100 (9110 10.1.1)', async () => {
    const text = await received('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok', echo);
    expect(text).toMatch(/^HTTP\/1\.1 200/);
  });

  it('103-forwarded, unknown-1xx (9110 15.2), and not after the final answer', async () => {
    const text = await received(closing, (exchange) => {
      exchange.inform(103, HeaderList.of(['Link', '</a>'], ['Connection', 'x']));
      exchange.inform(199, new HeaderList());
      exchange.inform(101, new HeaderList());
      exchange.inform(103, HeaderList.of(['X', 'a\r\nb']));
      answer(exchange, 'x');
      exchange.inform(103, new HeaderList());
    });
    expect(text).toMatch(
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 199 \r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(3);
  });

  it('1xx-not-to-http10 (9110 15.2)', async () => {
    const text = await received('GET / HTTP/1.0\r\n\r\n', (exchange) => {
      exchange.inform(103, new HeaderList());
      answer(exchange, 'x');
    });
    expect(text).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('upgrades', () => {
  const websocket = get('Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n');

  it('ws-upgrade-tunnel, ws-early-data (9110 7.8): bytes of both sides pass, those before the 101 too', async () => {
    const parked: Exchange[] = [];
    await using kit = await startHttp1({ handler: (exchange) => void parked.push(exchange) });
    const client = kit.client().send(`${websocket}early `);
    await kit.until(() => parked.length === 1);
    client.send('bird ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const exchange = parked[0] as Exchange;
    expect(exchange.head.headers.get('upgrade')).toBe('websocket');
    const back = new PushBody();
    const got: string[] = [];
    exchange.tunnel?.start({
      chunk: (data) => {
        got.push(data.toString('latin1'));
        if (got.join('') === 'early bird ') back.push(bytes('worm'));
      },
      end: () => back.end(),
      error: () => {},
    });
    expect(got).toEqual([]);
    exchange.respond(
      { status: 101, reason: '', headers: HeaderList.of(['Sec-WebSocket-Accept', 'x'], ['Upgrade', 'websocket']) },
      back,
    );
    await client.untilReceived('worm');
    client.end();
    expect(await client.untilEnd()).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nworm$/,
    );
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.outcomes[0]).toMatchObject({ status: 101, error: null, bytesIn: websocket.length + 11 });
    expect(kit.requests).toHaveLength(1);
  });

  it('ws-origin-refuses (6455 4.2): a refused upgrade leaves a usable connection', async () => {
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, 'no') });
    const client = kit.client().send(websocket);
    await client.untilReceived('no');
    client.send(closing);
    await client.untilEnd();
    expect(kit.requests).toHaveLength(2);
  });

  it('closes after a refused upgrade that bytes followed: nobody knows what they are', async () => {
    const text = await received(websocket + get(), (exchange) => answer(exchange, 'no'));
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(text).toMatch(/Connection: close/);
  });

  it.each([
    ['ws-post', 'POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n'],
    ['h2c', get('Connection: upgrade\r\nUpgrade: websocket, h2c\r\n')],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['a body', get('Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n')],
  ])('%s offers no tunnel and shows no Upgrade', async (_name, request) => {
    await using kit = await startHttp1({ handler: (exchange) => answer(exchange, '') });
    kit.client().send(request);
    await kit.until(() => kit.exchanges.length === 1);
    expect(kit.exchanges[0]?.tunnel).toBeNull();
    expect(kit.exchanges[0]?.head.headers.has('upgrade')).toBe(false);
  });

  it('origin-101-unasked (9110 7.8): 101 to a plain request becomes a plain 500', async () => {
    const text = await received(get(), (exchange) =>
      exchange.respond({ status: 101, reason: '', headers: new HeaderList() }, new PushBody()),
    );
    expect(text).toMatch(/^HTTP\/1\.1 500/);
  });
});
