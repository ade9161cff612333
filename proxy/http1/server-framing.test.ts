// Rows of RFC 9110 and 9112 that concern what a client sends: what is refused, and with what it is read. Every row
// is raw bytes on a socket; "closed" means that a valid request behind it is not answered.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startHttp1, type Http1Kit } from '#test/support/http1-kit.ts';

const follower = 'GET /follower HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n';
const get = (lines: string): string => `GET / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`;
const post = (lines: string, body: string): string => `POST / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
const encoding = (value: string): string => post(`Transfer-Encoding: ${value}\r\n`, '0\r\n\r\n');
const length = (value: string): string => post(`Content-Length: ${value}\r\n`, 'ok');

describe('what a client sends', () => {
  let kit: Http1Kit;
  beforeAll(async () => {
    kit = await startHttp1();
  });
  afterAll(async () => {
    await kit[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    kit.requests.length = 0;
    kit.bodies.length = 0;
  });

  const refused: [id: string, rfc: string, statuses: number[], input: string][] = [
    ['host-missing', '9112 3.2', [400], 'GET / HTTP/1.1\r\n\r\n'],
    ['host-dup', '9112 3.2', [400], get('Host: a.test\r\n')],
    ['host-dup, different', '9112 3.2', [400], get('Host: b.test\r\n')],
    ['host-invalid', '9112 3.2', [400], 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['host-userinfo', '9112 3.2', [400], 'GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n'],
    ['host-path', '9112 3.2', [400], 'GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n'],
    ['host-list', '9112 3.2', [400], 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
    ['host-ipv6-bad', '3986', [400], 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
    ['te-cl-both', '9112 6.1, 6.3', [400], post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nX')],
    ['te-unknown', '9112 6.1', [501], encoding('foo')],
    ['te-chunked-not-last', '9112 6.3', [400], encoding('chunked, foo')],
    ['te-http10', '9112 6.1', [400], 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['cl-dup-diff', '9112 6.3', [400], post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ok')],
    ['cl-dup-same', '9112 6.3', [400], post('Content-Length: 2\r\nContent-Length: 2\r\n', 'ok')],
    ['cl-list-same', '9110 8.6', [400], length('2, 2')],
    ...['+2', '0x2', '2_0', '-1', '', '1e1', '\xef\xbc\x92', '2 2'].map((value): [string, string, number[], string] => [
      `cl-plus ${JSON.stringify(value)}`,
      '9110 8.6',
      [400],
      length(value),
    ]),
    ['cl-huge', '9110 8.6', [400], length('18446744073709551617')],
    ['sp-before-colon', '9112 5.1', [400], get('X-A : 1\r\n')],
    ['obs-fold', '9112 5.2', [400], get('X-A: 1\r\n 2\r\n')],
    ['obs-fold, a line that looks like a field', '9112 5.2', [400], get('X-A: 1\r\n X-B: 2\r\n')],
    ['bare-cr', '9112 2.2', [400], get('X-A: 1\r2\r\n')],
    ['nul', '9110 5.5', [400], get('X-A: 1\x002\r\n')],
    ['bare-lf-not-fwd', '9112 2.2', [400], 'GET / HTTP/1.1\nHost: a.test\n\n'],
    ...['0x2\r\nok', '+2\r\nok', ' 2\r\nok', '2 \r\nok', '2;\r\nok', 'g\r\nok', '00000000000000002\r\nok'].map(
      (line): [string, string, number[], string] => [
        `chunk-size-invalid ${JSON.stringify(line)}`,
        '9112 7.1',
        [400],
        chunked(line),
      ],
    ),
    ['chunk-bare-lf', '9112 7.1', [400], chunked('2\nok\r\n0\r\n\r\n')],
    ['chunk-overflow', '9112 7.1', [400], chunked('FFFFFFFFFFFFFFFF1\r\n')],
    ['chunk-spill', '9112 7.1', [400], chunked('5\r\nhelloX\r\n0\r\n\r\n')],
    ['chunk-spill, size too small', '9112 7.1', [400], chunked('3\r\nhello\r\n0\r\n\r\n')],
    ['chunk-no-crlf', '9112 7.1', [400], chunked('2\r\nok0\r\n\r\n')],
    ['chunk-ext-huge', '9112 7.1.1', [400], chunked(`2;${'e'.repeat(65_536)}\r\nok\r\n0\r\n\r\n`)],
    ['trailer-many', '9110 6.5', [400, 431], chunked(`0\r\n${'A: 1\r\n'.repeat(10_000)}\r\n`)],
    ['connect-refused', '9110 9.3.6', [501], 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n'],
    ['uri-fragment', '9112 3.2', [400], 'GET /a#b HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['fwd-absolute-userinfo', '9110 4.2.4', [400], 'GET http://u:p@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-asterisk-get', '9112 3.2.4', [400], 'GET * HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-space', '9112 3', [400], 'GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-ctl', '9112 3', [400], 'GET /\x01 HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-ctl, DEL', '9112 3', [400], 'GET /\x7f HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-no-slash', '9112 3.2', [400], 'GET foo HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-dotdot, backslashes', '3986 5.2.4', [400], 'GET \\\\admin HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['target-long', '9110 15.5.15', [414], `GET /${'a'.repeat(16_384)} HTTP/1.1\r\nHost: a.test\r\n\r\n`],
    ...['HTTP/1.2', 'HTTP/2.0', 'HTTP/1', 'http/1.1', 'HTTP/01.1'].map(
      (version): [string, string, number[], string] => [
        `version-bad ${version}`,
        '9112 2.3',
        [400, 505],
        `GET / ${version}\r\nHost: a.test\r\n\r\n`,
      ],
    ),
    ['http09', '9112 2.3', [400], 'GET /\r\n'],
    ['method-long', '9110 9.1', [501], `${'A'.repeat(10_000)} / HTTP/1.1\r\nHost: a.test\r\n\r\n`],
    ['hdr-many', '6585 5', [431], get('A: 1\r\n'.repeat(2000))],
    ['hdr-many, 100,000', '6585 5', [431], get('A: 1\r\n'.repeat(100_000))],
    ['hdr-large', '6585 5', [431], get(`A: ${'a'.repeat(65_536)}\r\n`)],
    ['hdr-name-bad', '9110 5.1', [400], get('X[a]: 1\r\n')],
    ['hdr-name-bad, high byte', '9110 5.1', [400], get('X\x80: 1\r\n')],
    ['hdr-name-bad, empty', '9110 5.1', [400], get(': 1\r\n')],
    ['hdr-name-bad, no colon', '9110 5.1', [400], get('X-A\r\n')],
    ...[
      '\x0bchunked',
      'chunked\0',
      'xchunked',
      ',chunked',
      '"chunked"',
      'chunked;q=1',
      '\r\n chunked',
      'identity',
      'gzip, chunked',
    ].map((value): [string, string, number[], string] => [
      `te-obs-variants ${JSON.stringify(value)}`,
      '9112 6.1',
      [400, 501],
      encoding(value),
    ]),
    [
      'te-obs-variants, space before the colon',
      '9112 6.1',
      [400],
      post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
    ],
    [
      'te-obs-variants, two lines',
      '9112 6.1',
      [400],
      post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', '0\r\n\r\n'),
    ],
    ['error-closes', '9112 2.2', [400], 'GARBAGE\r\n\r\n'],
    ['expect-unknown', '9110 10.1.1', [417], post('Expect: foo\r\nContent-Length: 2\r\n', 'ok')],
  ];
  it.each(refused)('%s (%s) is refused and the connection closed', async (_id, _rfc, statuses, input) => {
    const client = kit.client().send(input + follower);
    const text = await client.untilEnd();
    expect(statuses).toContain(Number(text.slice(9, 12)));
    expect(text).toMatch(
      /^HTTP\/1\.1 \d{3} [A-Za-z- ]+\r\nDate: .* GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n$/,
    );
    expect(kit.requests.filter((request) => request.includes('follower'))).toEqual([]);
    expect(kit.bodies.filter((body) => !body.startsWith('error'))).toEqual([]);
  });

  const read: [id: string, rfc: string, input: string, request: string, body: string | null][] = [
    ['hop-connection-listed', '9110 7.6.1', get('Connection: x-a\r\nX-A: 1\r\n'), 'GET / @a.test', null],
    ['hop-keep-alive', '9110 7.6.1', get('Keep-Alive: timeout=5\r\nConnection: keep-alive\r\n'), 'GET / @a.test', null],
    ['hop-proxy-connection', '9110 7.6.1', get('Proxy-Connection: keep-alive\r\n'), 'GET / @a.test', null],
    ['hop-te', '9110 10.1.4', get('TE: trailers, gzip\r\nConnection: te\r\n'), 'GET / @a.test', null],
    ['hop-upgrade-unsolicited', '9110 7.8', get('Upgrade: foo/1\r\n'), 'GET / @a.test', null],
    [
      'h2c-upgrade',
      '9113 3.1',
      get('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n'),
      'GET / @a.test',
      null,
    ],
    [
      'host-absolute-form',
      '9112 3.2.2',
      'GET http://b.test/p?q HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'GET /p?q @b.test',
      null,
    ],
    ['fwd-absolute-https', '9112 3.2.2', 'GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n', 'GET / @a.test', null],
    [
      'fwd-absolute-emptypath',
      '9112 3.2.4',
      'OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'OPTIONS * @a.test',
      null,
    ],
    ['options-star', '9110 9.3.7', 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n', 'OPTIONS * @a.test', null],
    ['fwd-host-port', '9110 7.2', 'GET / HTTP/1.1\r\nHost: a.test:8080\r\n\r\n', 'GET / @a.test:8080', null],
    ['host-ipv6', '3986', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', 'GET / @[::1]:80', null],
    ['host-case', '3986', 'GET / HTTP/1.1\r\nHost: A.TEST\r\n\r\n', 'GET / @A.TEST', null],
    ['http10-no-host-ok', '9112 3.2', 'GET / HTTP/1.0\r\n\r\n', 'GET / @', null],
    [
      'uri-raw-kept',
      '9110 7.7',
      'GET /a%2Fb/..%2fc?x=%20 HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'GET /a%2Fb/..%2fc?x=%20 @a.test',
      null,
    ],
    [
      'target-dotdot',
      '3986 5.2.4',
      'GET /a/..;/%2e%2e//admin HTTP/1.1\r\nHost: a.test\r\n\r\n',
      'GET /a/..;/%2e%2e//admin @a.test',
      null,
    ],
    ['dup-hdr-order', '9110 5.3', get('X-L: 1\r\nX-L: 2\r\n'), 'GET / @a.test X-L=1 X-L=2', null],
    ['non-ascii-passthrough', '9110 5.5', get('X-N: \xe4\xf6\r\n'), 'GET / @a.test X-N=\xe4\xf6', null],
    ['hdr-underscore', '9110 5.1', get('X_Forwarded_For: 1\r\n'), 'GET / @a.test X_Forwarded_For=1', null],
    ['method-unknown', '9110 9.1', 'FOO / HTTP/1.1\r\nHost: a.test\r\n\r\n', 'FOO / @a.test', null],
    ['method-lower', '9110 9.1', 'get / HTTP/1.1\r\nHost: a.test\r\n\r\n', 'get / @a.test', null],
    ['leading-crlf', '9112 2.2', `\r\n${get('')}`, 'GET / @a.test', null],
    ['te CHUNKED', '9112 6.1', encoding('CHUNKED'), 'POST / @a.test', ''],
    ['chunk-ext-stripped', '9112 7.1.1', chunked('2;a=b\r\nok\r\n0\r\n\r\n'), 'POST / @a.test', 'ok'],
    [
      'req-trailer-no-merge',
      '9110 6.5.1',
      chunked('2\r\nok\r\n0\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n'),
      'POST / @a.test',
      'ok',
    ],
    [
      'cl-on-get',
      '9110 9.3.1',
      'GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello',
      'GET / @a.test Content-Length=5',
      'hello',
    ],
    ['cl0-post', '9110 8.6', post('Content-Length: 0\r\n', ''), 'POST / @a.test Content-Length=0', null],
  ];
  it.each(read)('%s (%s) is read as it is meant', async (...row) => {
    const [, , input, request, body] = row;
    const client = kit.client().send(input + (input.includes('HTTP/1.0') ? '' : follower));
    await client.untilEnd();
    expect(kit.requests[0]).toBe(request);
    expect(kit.bodies).toEqual(body === null ? [] : [body]);
    if (!input.includes('HTTP/1.0')) expect(kit.requests.slice(1)).toEqual(['GET /follower @a.test']);
  });

  it('preface-on-h1 (9113 3.4) is answered in HTTP/2', async () => {
    const client = kit.client().send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    // The head of a SETTINGS frame on stream 0.
    await client.untilReceived('\x04\x00\x00\x00\x00\x00');
    expect(client.received).not.toContain('HTTP/');
    expect(kit.requests).toEqual([]);
    client.reset();
  });

  it('a preface in pieces, or a request that only starts like one', async () => {
    const slow = kit.client().send('PR');
    slow.send('OPFIND / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    expect(await slow.untilEnd()).toMatch(/^HTTP\/1.1 200/);
    expect(kit.requests).toEqual(['PROPFIND / @a.test']);
  });

  it('a TLS hello on a cleartext port is closed without a word', async () => {
    expect(await kit.client().send('\x16\x03\x01\x02\x00\x01').untilEnd()).toBe('');
  });

  it('every row also when it comes byte by byte', async () => {
    const client = kit.client();
    for (const byte of chunked('2;a=b\r\nok\r\n0\r\nX: 1\r\n\r\n') + follower) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.untilEnd();
    expect(kit.requests).toEqual(['POST / @a.test', 'GET /follower @a.test']);
    expect(kit.bodies).toEqual(['ok']);
  });
});
