import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PushBody } from '#proxy/exchange/memory.ts';
import { answer, startHttp1, type Http1Kit, type Http1Options } from '#test/support/http1-kit.ts';
import { fieldBlock, get, post, type Fields, type Http2Peer } from '#test/support/http2-peer.ts';
import { errorCode, flag, frameType, setting } from './frames.ts';

let kit: Http1Kit;
const ok = { status: 200, reason: '', headers: new HeaderList() };

async function start(options: Http1Options = {}): Promise<void> {
  await kit?.[Symbol.asyncDispose]();
  kit = await startHttp1(options);
}

beforeEach(async () => {
  kit = await startHttp1();
});

afterEach(async () => {
  await kit[Symbol.asyncDispose]();
});

function but(name: string, value: string | null): Fields {
  const kept = get.filter(([each]) => each !== name);
  return value === null ? kept : [...kept.filter(([each]) => each.startsWith(':')), [name, value]];
}

describe('a request over HTTP/2', () => {
  it('reaches the handler with its fields in order; host comes from :authority', async () => {
    const client = kit
      .http2()
      .hello()
      .headers(1, [...get, ['x-b', '1'], ['x-a', '2'], ['x-b', '3']]);
    await client.untilDone(1);
    expect(client.status(1)).toBe(200);
    expect(kit.requests).toEqual(['GET / @a.test x-b=1 x-a=2 x-b=3']);
    expect(kit.exchanges[0]).toMatchObject({ version: '2', tunnel: null, body: null });
  });

  it('has date and content-length in its answer', async () => {
    const client = kit.http2().hello().headers(1, get);
    await client.untilDone(1);
    const headers = client.heads.get(1)?.[0]?.headers;
    expect(headers?.get('content-length')).toBe('0');
    expect(headers?.get('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} .* GMT$/);
  });

  it('te-trailers-h2 (9113 8.2.2): te may say trailers and nothing else', async () => {
    const client = kit.http2().hello();
    client.headers(1, [...get, ['te', 'trailers']]).headers(3, [...get, ['te', 'gzip']]);
    await client.until(() => client.done(1) && client.resetCode(3) !== -1);
    expect([client.status(1), client.resetCode(3)]).toEqual([200, errorCode.protocolError]);
    expect(kit.requests).toEqual(['GET / @a.test']);
  });

  const malformed: [string, Fields][] = [
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
      (name): [string, Fields] => [`H2-connection-hdr ${name}`, [...get, [name, 'close']]],
    ),
    ['H2-lf-in-value LF', [...get, ['x', 'a\nb']]],
    ['H2-lf-in-value CR', [...get, ['x', 'a\rb']]],
    ['H2-lf-in-value NUL', [...get, ['x', 'a\0b']]],
    ['H2-lf-in-value space before', [...get, ['x', ' a']]],
    ['H2-lf-in-value tab after', [...get, ['x', 'a\t']]],
    ['H2-colon-name', [...get, ['a:b', '1']]],
    ['H2-colon-name upper case', [...get, ['X-A', '1']]],
    ['H2-colon-name space', [...get, ['x a', '1']]],
    ['a name of no length (CVE-2019-9516)', [...get, ['', '1']]],
    ['a name beyond ASCII', [...get, ['x\xe4', '1']]],
    ['H2-path-bad empty', but(':path', '')],
    ['no :path', but(':path', null)],
    ['no :method', but(':method', null)],
    ['no :scheme', but(':scheme', null)],
    ['a second :path', [...get, [':path', '/b']]],
    [':status', [...get, [':status', '200']]],
    [':protocol', [[':method', 'CONNECT'], ...get.slice(1), [':protocol', 'websocket']]],
    ['a pseudo-field behind a regular one', [['x', '1'], ...get]],
    ['CONNECT with a path', [[':method', 'CONNECT'], ...get.slice(1)]],
    ['CONNECT without an authority', [[':method', 'CONNECT']]],
    ['content-length without DATA', [...post, ['content-length', '5']]],
    ['two content-lengths', [...post, ['content-length', '0'], ['content-length', '0']]],
    ['content-length that is no number', [...post, ['content-length', '+1']]],
  ];

  it.each(malformed)('%s: the stream is reset and the origin untouched', async (_, fields) => {
    const client = kit.http2().hello().headers(1, fields);
    await client.until(() => client.resetCode(1) !== -1);
    expect(client.resetCode(1)).toBe(errorCode.protocolError);
    expect(kit.requests).toEqual([]);
    expect(kit.refused.map((cause) => cause.code)).toEqual(['BadRequest']);
    // The connection goes on.
    await client.headers(3, get).untilDone(3);
    expect(client.status(3)).toBe(200);
  });

  const refused: [string, number, Fields][] = [
    ['H2-path-bad without slash', 400, but(':path', 'x')],
    ['H2-path-bad with a space', 400, but(':path', '/a b')],
    ['H2-path-bad with #', 400, but(':path', '/a#b')],
    ['H2-path-bad absolute', 400, but(':path', 'http://a.test/')],
    ['H2-authority-host', 400, [...get, ['host', 'b.test']]],
    ['two hosts', 400, [...but(':authority', null), ['host', 'a.test'], ['host', 'a.test']]],
    ['no authority at all', 400, but(':authority', null)],
    ['H2-authority-at', 400, but(':authority', 'u@a')],
    ['an authority with a path', 400, but(':authority', 'a/b')],
    ['H2-method-space', 400, [[':method', 'GET / HTTP/1.1'], ...get.slice(1)]],
    ['H2-scheme', 400, but(':scheme', 'http://x/?')],
    [
      'H2-connect',
      501,
      [
        [':method', 'CONNECT'],
        [':authority', 'a.test:443'],
      ],
    ],
    ['target-long', 414, but(':path', `/${'a'.repeat(20_000)}`)],
    ['an unknown expectation', 417, [...get, ['expect', 'x']]],
    ['hdr-many', 431, [...get, ...Array.from({ length: 101 }, (_, i): [string, string] => [`x-${i}`, '1'])]],
    ['hdr-large', 431, [...get, ...Array.from({ length: 90 }, (): [string, string] => ['x', 'a'.repeat(1000)])]],
  ];

  it.each(refused)('%s: %i, and the origin untouched', async (_, status, fields) => {
    const client = kit.http2().hello();
    const block = fieldBlock(fields);
    for (let at = 0; at < block.length; at += 16_384) {
      const last = at + 16_384 >= block.length ? flag.endHeaders : 0;
      const type = at === 0 ? frameType.headers : frameType.continuation;
      client.frame(type, last | (at === 0 ? flag.endStream : 0), 1, block.subarray(at, at + 16_384));
    }
    await client.untilDone(1);
    expect(client.status(1)).toBe(status);
    expect(kit.requests).toEqual([]);
    expect(kit.refused).toHaveLength(1);
    await client.headers(3, get).untilDone(3);
  });

  it('takes its authority from host when there is no :authority, and either when they agree', async () => {
    const client = kit.http2().hello();
    client.headers(1, [...but(':authority', null), ['host', 'b.test']]).headers(3, [...get, ['host', 'A.test']]);
    await client.until(() => client.done(1) && client.done(3));
    expect(kit.requests).toEqual(['GET / @b.test', 'GET / @a.test']);
  });

  it('H2-cookie-crumbs (9113 8.2.3) become one field', async () => {
    const client = kit.http2().hello();
    await client.headers(1, [...get, ['cookie', 'a=1'], ['x', '1'], ['cookie', 'b=2'], ['cookie', 'c=3']]).untilDone(1);
    expect(kit.requests).toEqual(['GET / @a.test cookie=a=1; b=2; c=3 x=1']);
  });

  it('waits for the word to send its body when it says so', async () => {
    const client = kit.http2().hello();
    client.headers(1, [...post, ['content-length', '2'], ['expect', '100-continue']], 0);
    await client.until(() => client.heads.get(1)?.[0]?.status === 100);
    await client.data(1, 'ok', true).untilDone(1);
    expect([client.status(1), client.text(1)]).toEqual([200, 'ok']);
  });
});

describe('content-length against DATA (H2-cl-mismatch, 9113 8.1.1)', () => {
  it.each([
    ['too little', ['abc']],
    ['too much', ['abcde', 'fg']],
    ['too much in one', ['abcdefg']],
  ])('%s: stream error, and the body breaks', async (_, parts) => {
    const client = kit
      .http2()
      .hello()
      .headers(1, [...post, ['content-length', '5']], 0);
    parts.forEach((part, i) => client.data(1, part, i === parts.length - 1));
    await client.until(() => client.resetCode(1) !== -1);
    expect(client.resetCode(1)).toBe(errorCode.protocolError);
    await kit.until(() => kit.outcomes.length === 1);
    expect(kit.bodies).toEqual(['error BadRequest']);
  });

  it('the end by trailers counts like any other', async () => {
    const client = kit
      .http2()
      .hello()
      .headers(1, [...post, ['content-length', '5']], 0)
      .data(1, 'abc');
    client.headers(1, [['x-sum', '1']]);
    await client.until(() => client.resetCode(1) !== -1);
    await kit.until(() => kit.bodies.length === 1);
    expect(kit.bodies).toEqual(['error BadRequest']);
  });
});

describe('trailers', () => {
  it('of a request: those that route or frame are dropped', async () => {
    let seen: HeaderList | null = null;
    await start({
      handler: (exchange) =>
        exchange.body?.start({
          chunk() {},
          end(trailers) {
            seen = trailers;
            answer(exchange, '');
          },
          error() {},
        }),
    });
    const client = kit.http2().hello().headers(1, post, 0).data(1, 'x');
    await client
      .headers(1, [
        ['x-sum', '1'],
        ['host', 'b'],
        ['content-length', '9'],
        ['authorization', 'x'],
      ])
      .untilDone(1);
    expect(seen).toMatchObject({ names: ['x-sum'], values: ['1'] });
  });

  it.each([
    ['H2-trailers-pseudo', [[':path', '/']], flag.endStream],
    ['trailers that do not end the stream', [['x', '1']], 0],
  ] as [string, Fields, number][])('%s: stream error', async (_, fields, flags) => {
    const client = kit.http2().hello().headers(1, post, 0).data(1, 'x').headers(1, fields, flags);
    await client.until(() => client.resetCode(1) !== -1);
    expect(client.resetCode(1)).toBe(errorCode.protocolError);
  });

  it('of an answer, and an answer of trailers alone', async () => {
    await start({
      handler(exchange) {
        const body = exchange.head.target === '/' ? Buffer.from('x') : Buffer.alloc(0);
        const push = new PushBody();
        exchange.respond(ok, push);
        if (body.length > 0) push.push(body);
        push.end(HeaderList.of(['grpc-status', '0'], ['Connection', 'x']));
      },
    });
    const client = kit.http2().hello().headers(1, get).headers(3, but(':path', '/empty'));
    await client.until(() => client.done(1) && client.done(3));
    for (const stream of [1, 3]) {
      expect(client.heads.get(stream)?.[1]?.headers).toMatchObject({ names: ['grpc-status'], values: ['0'] });
    }
    expect(client.text(1)).toBe('x');
  });
});

describe('an answer', () => {
  it('H2-1xx: interim ones come before it', async () => {
    await start({
      handler(exchange) {
        exchange.inform(103, HeaderList.of(['Link', '</a>']));
        exchange.respond(ok, null);
      },
    });
    const client = kit.http2().hello().headers(1, get);
    await client.untilDone(1);
    expect(client.heads.get(1)?.map((head) => head.status)).toEqual([103, 200]);
  });

  it('leaves out what is of one connection, and what Connection names', async () => {
    await start({
      handler(exchange) {
        const headers = HeaderList.of(['Connection', 'close, X-Hop'], ['X-Hop', '1'], ['Keep-Alive', '1'], ['X', '2']);
        headers.append('Transfer-Encoding', 'chunked');
        exchange.respond({ status: 200, reason: 'Fine', headers }, new BufferBody(Buffer.from('x')));
      },
    });
    const client = kit.http2().hello().headers(1, get);
    await client.untilDone(1);
    expect(client.heads.get(1)?.[0]?.headers.names).toEqual(['x', 'date', 'content-length']);
  });

  it.each([
    ['a line end in a value', HeaderList.of(['x', 'a\r\nb: c'])],
    ['no token as a name', HeaderList.of(['x y', 'a'])],
  ])('with %s is not sent: 500, and the connection goes on', async (_, headers) => {
    await start({
      handler(exchange) {
        const good = HeaderList.of(['server', 's'], ['via', 'v']);
        if (exchange.head.target === '/bad')
          for (const [i, name] of headers.names.entries()) good.append(name, headers.values[i] as string);
        exchange.respond({ status: 200, reason: '', headers: good }, null);
      },
    });
    const client = kit.http2().hello();
    let stream = 1;
    // What is repeated goes into the table in between: both sides must still agree on it afterwards.
    for (const path of ['/', '/', '/', '/bad', '/', '/bad', '/', '/', '/']) {
      await client.headers(stream, but(':path', path)).untilDone(stream);
      expect(client.status(stream)).toBe(path === '/bad' ? 500 : 200);
      if (path === '/') expect(client.heads.get(stream)?.[0]?.headers.get('via')).toBe('v');
      stream += 2;
    }
  });

  it('is one head of several frames when it is large', async () => {
    const value = 'v'.repeat(15_000);
    await start({
      handler: (exchange) =>
        exchange.respond(
          { status: 200, reason: '', headers: HeaderList.of(['a', value], ['b', value], ['c', value]) },
          null,
        ),
    });
    const client = kit.http2().hello().headers(1, get);
    await client.until(() => client.status(1) === 200);
    expect(client.heads.get(1)?.[0]?.headers.get('c')).toBe(value);
    expect(client.of(frameType.continuation, 1)).toHaveLength(2);
    expect(Math.max(...client.frames.map((each) => each.payload.length))).toBeLessThanOrEqual(16_384);
  });

  it.each([
    [3, 'longer'],
    [20, 'shorter'],
  ])('whose body is not of its declared length %i is reset (%s)', async (length) => {
    await start({
      handler(exchange) {
        const body = new PushBody(length);
        exchange.respond(ok, body);
        body.push(Buffer.from('hello'));
        body.end();
      },
    });
    const client = kit.http2().hello().headers(1, get);
    await client.until(() => client.resetCode(1) !== -1);
    expect(client.resetCode(1)).toBe(errorCode.internalError);
    expect(client.done(1)).toBe(false);
  });

  it('that is early says NO_ERROR to a body that is too long to be read away', async () => {
    await start({ handler: (exchange) => exchange.respond({ ...ok, status: 413 }, null) });
    const client = kit.http2().hello();
    client.headers(1, [...post, ['content-length', '1000000']], 0).data(1, 'x');
    await client.until(() => client.resetCode(1) !== -1);
    expect([client.status(1), client.resetCode(1)]).toEqual([413, errorCode.noError]);
    // What is on its way for that stream is no fault.
    await client.data(1, 'yy').headers(3, get).untilDone(3);
    expect(client.goaway).toBe(-1);
  });

  it('that is early reads a short rest away', async () => {
    await start({ handler: (exchange) => exchange.respond(ok, null) });
    const client = kit
      .http2()
      .hello()
      .headers(1, [...post, ['content-length', '10']], 0);
    await client.untilDone(1);
    await client.data(1, '0123456789', true).headers(3, get).untilDone(3);
    expect([client.resetCode(1), client.goaway]).toEqual([-1, -1]);
  });
});

describe('resets (H2-reset-map, 9113 7)', () => {
  it('of the client reach the exchange, and later frames of the stream cost nothing', async () => {
    const aborts: string[] = [];
    await start({
      handler: (exchange) => (exchange.onAbort = (cause) => aborts.push(`${cause.code} ${cause.message}`)),
    });
    const client = kit.http2().hello().headers(1, get);
    await kit.until(() => kit.requests.length === 1);
    client.reset(1).window(1, 10);
    await kit.until(() => kit.outcomes.length === 1);
    expect(aborts).toEqual(['ClientAbort the client reset the stream: CANCEL']);
    client.frame(frameType.ping, 0, 0, '12345678');
    await client.until(() => client.of(frameType.ping, 0).length === 1);
  });

  it('of ours are CANCEL or INTERNAL_ERROR', async () => {
    await start({
      handler: (exchange) =>
        exchange.abort(new ProxyError(exchange.head.target === '/' ? 'UpstreamReset' : 'ClientAbort', '')),
    });
    const client = kit.http2().hello().headers(1, get).headers(3, but(':path', '/c'));
    await client.until(() => client.resetCode(3) !== -1);
    expect([client.resetCode(1), client.resetCode(3)]).toEqual([errorCode.internalError, errorCode.cancel]);
  });
});

describe('the end of a connection', () => {
  it('H2-goaway-drain (9113 6.8): GOAWAY, and what is under way finishes', async () => {
    await start({ handler: () => {} });
    const client = kit.http2().hello();
    for (let i = 0; i < 10; i++) client.headers(1 + 2 * i, get);
    await kit.until(() => kit.requests.length === 10);
    const drained = kit.listener.drain(0, 10_000);
    await client.until(() => client.goaway === errorCode.noError);
    expect(client.goawayStream).toBe(0x7fff_ffff);
    // It was sent before the client heard.
    client.headers(21, get);
    await kit.until(() => kit.requests.length === 11);
    client.frame(frameType.ping, flag.ack, 0, 'draining');
    await client.until(() => client.goawayStream === 21);
    client.headers(23, get);
    for (const exchange of kit.exchanges) answer(exchange, 'done');
    for (let i = 0; i <= 10; i++) await client.untilDone(1 + 2 * i);
    await client.untilOver();
    client.socket.end();
    await drained;
    expect(kit.requests).toHaveLength(11);
    expect(kit.outcomes.every((outcome) => outcome.error === null)).toBe(true);
  });

  it('comes at once in a drain when nothing is under way', async () => {
    const client = kit.http2().hello().headers(1, get);
    await client.untilDone(1);
    const drained = kit.listener.drain(0, 10_000);
    await client.until(() => client.goaway === 0);
    client.frame(frameType.ping, flag.ack, 0, 'draining');
    await client.untilOver();
    client.socket.end();
    await drained;
  });

  it('comes after one answer on a port without keep-alive', async () => {
    await start({ content: { keepAlive: false } });
    const client = kit.http2().hello().headers(1, get);
    await client.untilDone(1);
    await client.untilOver();
    expect([client.goaway, client.goawayStream]).toEqual([0, 1]);
  });

  it('comes when it is idle for too long', async () => {
    await start({ content: { keepAliveTimeout: 100 } });
    const client = kit.http2().hello();
    await client.untilOver();
    expect(client.goaway).toBe(0);
  });

  it('loses what is under way when the client leaves', async () => {
    await start({ handler: () => {} });
    const client = kit.http2().hello().headers(1, get).headers(3, post, 0);
    await kit.until(() => kit.requests.length === 2);
    client.socket.end();
    await kit.until(() => kit.outcomes.length === 2);
    expect(kit.outcomes.map((outcome) => outcome.error?.code)).toEqual(['ClientAbort', 'ClientAbort']);
  });

  it('408: a body that does not come', async () => {
    await start({ limits: { bodyTimeout: 50 } });
    const client: Http2Peer = kit.http2().hello().headers(1, post, 0);
    await client.until(() => client.resetCode(1) !== -1);
    expect([client.status(1), client.resetCode(1)]).toEqual([408, errorCode.noError]);
    expect(kit.outcomes).toMatchObject([{ status: 408, error: { code: 'RequestTimeout' } }]);
  });
});

describe('settings', () => {
  it('say what the listener allows', async () => {
    const client = kit.http2().hello();
    await client.until(() => client.of(frameType.settings, 0).length > 0);
    const { payload } = client.of(frameType.settings, 0)[0] as { payload: Buffer };
    const said: [number, number][] = [];
    for (let at = 0; at < payload.length; at += 6) said.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
    expect(Object.fromEntries(said)).toEqual({
      [setting.maxConcurrentStreams]: 100,
      [setting.initialWindowSize]: 256 * 1024,
      [setting.maxHeaderListSize]: 64 * 1024,
      [setting.noRfc7540Priorities]: 1,
    });
  });

  it('streams over the limit are refused, and may be tried again', async () => {
    await start({ handler: () => {}, http2: { maxStreams: 2 } });
    const client = kit.http2().hello().headers(1, get).headers(3, get).headers(5, get);
    await client.until(() => client.resetCode(5) !== -1);
    expect(client.resetCode(5)).toBe(errorCode.refusedStream);
    for (const exchange of kit.exchanges) answer(exchange, '');
    await client.untilDone(3);
    client.headers(7, get);
    await kit.until(() => kit.requests.length === 3);
  });
});
