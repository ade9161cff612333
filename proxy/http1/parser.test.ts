import { describe, expect, it } from 'vitest';
import { fieldsOf, latin1, parse, type Setup } from '#test/support/parser-probe.ts';
import { parserLimits } from './limits.ts';
import { MessageParser, parseEvent } from './parser.ts';

const get = (lines: string): string => `GET / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`;
const post = (lines: string, body: string): string => `POST / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

describe('requests that are read', () => {
  const table: [name: string, input: string, expected: string[]][] = [
    ['a plain GET', get(''), ['GET / @a.test | no body | ']],
    [
      'fields in order, with duplicates, spelling and bytes as they came',
      get('X-L: 1\r\nx-l:2\r\nX-N: \xe4\xf6 \t\r\nX-E:\r\n'),
      ['GET / @a.test | no body | X-L=1; x-l=2; X-N=\xe4\xf6; X-E='],
    ],
    [
      'a target byte for byte',
      'GET /a%2Fb/..%2fc?x=%20&y=<"|\\> HTTP/1.1\r\nHost: a\r\n\r\n',
      ['GET /a%2Fb/..%2fc?x=%20&y=<"|\\> @a | no body | '],
    ],
    ['one empty line before the request', `\r\n${get('')}`, ['GET / @a.test | no body | ']],
    ['HTTP/1.0 without Host, which closes', 'GET / HTTP/1.0\r\n\r\n', ['GET / @ | no body close 1.0 | ']],
    ['HTTP/1.0 that stays', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', ['GET / @ | no body 1.0 | ']],
    ['Connection: close', get('Connection: close\r\n'), ['GET / @a.test | no body close | ']],
    [
      'connection-level fields taken out, named ones too',
      get(
        'Connection: X-A, te ,\tclose\r\nX-A: 1\r\nTE: gzip, trailers\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nX-B: 2\r\n',
      ),
      ['GET / @a.test | no body close trailers | X-B=2'],
    ],
    [
      'an upgrade',
      get('Connection: upgrade\r\nUpgrade: websocket\r\n'),
      ['GET / @a.test | no body upgrade:websocket | '],
    ],
    ['Upgrade that Connection does not name is dropped', get('Upgrade: foo/1\r\n'), ['GET / @a.test | no body | ']],
    [
      'absolute form: its authority wins',
      'GET http://b.test:81/p?q HTTP/1.1\r\nHost: a.test\r\n\r\n',
      ['GET /p?q @b.test:81 | no body | '],
    ],
    ['absolute form without path', 'GET HTTP://b?q HTTP/1.1\r\nHost: a\r\n\r\n', ['GET /?q @b | no body | ']],
    [
      'OPTIONS on an absolute form without path',
      'OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n',
      ['OPTIONS * @b | no body | '],
    ],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n', ['OPTIONS * @b | no body | ']],
    ['IPv6 hosts', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', ['GET / @[::1]:80 | no body | ']],
    ['unknown and lower-case methods', 'get-x / HTTP/1.1\r\nHost: b\r\n\r\n', ['get-x / @b | no body | ']],
    [
      'a declared body',
      post('Content-Length: 5\r\n', 'hello'),
      ['POST / @a.test | body:5 | Content-Length=5', 'body hello', 'end'],
    ],
    ['a body of length 0', post('Content-Length: 0\r\n', ''), ['POST / @a.test | no body | Content-Length=0']],
    [
      'two requests in one read, the first with a body',
      post('Content-Length: 2\r\n', 'ok') + get(''),
      ['POST / @a.test | body:2 | Content-Length=2', 'body ok', 'end', 'GET / @a.test | no body | '],
    ],
    [
      'a chunked body, extensions gone',
      chunked('2;a=b;c="d;\\"e"\r\nok\r\n00A\r\n0123456789\r\n0;x\r\n\r\n'),
      ['POST / @a.test | body:-1 | ', 'body ok0123456789', 'end'],
    ],
    [
      'trailers, but not those that frame, route or authenticate',
      chunked('0\r\nX-Sum: 1\r\nHost: b\r\nContent-Length: 3\r\nAuthorization: x\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n') +
        get(''),
      ['POST / @a.test | body:-1 | ', 'end X-Sum=1', 'GET / @a.test | no body | '],
    ],
    [
      'Transfer-Encoding in any case',
      post('transfer-encoding: CHUNKED\r\n', '0\r\n\r\n'),
      ['POST / @a.test | body:-1 | ', 'end'],
    ],
    [
      'an expectation',
      post('Expect: 100-continue\r\nContent-Length: 1\r\n', 'x'),
      ['POST / @a.test | body:1 expect:100-continue | Content-Length=1', 'body x', 'end'],
    ],
  ];
  it.each(table)('%s', (_name, input, expected) => {
    expect(parse('request', input)).toEqual(expected);
  });
});

describe('requests that are refused', () => {
  const table: [name: string, status: number, input: string][] = [
    ['no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
    ['two Host fields', 400, get('Host: a.test\r\n')],
    ['Host with a space', 400, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['Host with userinfo', 400, 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
    ['Host with a path', 400, 'GET / HTTP/1.1\r\nHost: a/x\r\n\r\n'],
    ['a list in Host', 400, 'GET / HTTP/1.1\r\nHost: a,b\r\n\r\n'],
    ['a broken IPv6 Host', 400, 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
    ['a port that is none', 400, 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n'],
    ['bare LF', 400, 'GET / HTTP/1.1\nHost: a\n\n'],
    ['bare LF after a field', 400, 'GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n'],
    ['bare CR in a value', 400, get('X-A: 1\r2\r\n')],
    ['NUL in a value', 400, get('X-A: 1\x002\r\n')],
    ['DEL in a value', 400, get('X-A: \x7f\r\n')],
    ['white space before the colon', 400, get('X-A : 1\r\n')],
    ['a folded line', 400, get('X-A: 1\r\n 2\r\n')],
    ['a folded first field', 400, 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
    ['a field without a colon', 400, get('X-A\r\n')],
    ['a field without a name', 400, get(': 1\r\n')],
    ['brackets in a name', 400, get('X[a]: 1\r\n')],
    ['a high byte in a name', 400, get('X\x80: 1\r\n')],
    ['a fragment', 400, 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a space in the target', 400, 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a control character in the target', 400, 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a high byte in the target', 400, 'GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a target without a slash', 400, 'GET foo HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['backslashes', 400, 'GET \\\\admin HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an asterisk for GET', 400, 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['userinfo in an absolute form', 400, 'GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['an absolute form without a host', 400, 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['another scheme', 400, 'GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT', 501, 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n'],
    ['two empty lines before the request', 400, `\r\n\r\n${get('')}`],
    ['HTTP/0.9', 400, 'GET /\r\n'],
    ['HTTP/1.2', 505, 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'],
    ['the preface of HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/1', 400, 'GET / HTTP/1\r\nHost: a\r\n\r\n'],
    ['http/1.1', 400, 'GET / http/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/01.1', 400, 'GET / HTTP/01.1\r\nHost: a\r\n\r\n'],
    ['a second space before the version', 400, 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a space after the version', 400, 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n'],
    ['a method of 10 KB', 501, `${'A'.repeat(10_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['a TLS hello', 400, '\x16\x03\x01\x02\x00'],
    [
      'Content-Length beside Transfer-Encoding',
      400,
      post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\nX'),
    ],
    ['two different Content-Length', 400, post('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab')],
    ['two equal Content-Length', 400, post('Content-Length: 1\r\nContent-Length: 1\r\n', 'a')],
    ['Transfer-Encoding in HTTP/1.0', 400, 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two Transfer-Encoding', 400, post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '')],
    ...['2, 2', '+2', '0x2', '2_0', '-1', '', '1e1', '\xb2', '18446744073709551617', '2 2'].map(
      (value): [string, number, string] => [
        `Content-Length "${value}"`,
        400,
        post(`Content-Length: ${value}\r\n`, 'ab'),
      ],
    ),
    ...['chunked, foo', 'xchunked', ',chunked', '"chunked"', 'chunked;q=1', 'gzip, chunked', 'chunked,'].map(
      (value): [string, number, string] => [
        `Transfer-Encoding "${value}"`,
        400,
        post(`Transfer-Encoding: ${value}\r\n`, ''),
      ],
    ),
    ['Transfer-Encoding "\\x0bchunked"', 400, post('Transfer-Encoding: \x0bchunked\r\n', '')],
    ...['chunked\t', 'chunked \t '].map((value): [string, number, string] => [
      `Transfer-Encoding ${JSON.stringify(value)}`,
      400,
      post(`Transfer-Encoding: ${value}\r\n`, ''),
    ]),
    ['Transfer-Encoding "chunked\\0"', 400, post('Transfer-Encoding: chunked\0\r\n', '')],
    ...['foo', 'identity', 'gzip', ''].map((value): [string, number, string] => [
      `Transfer-Encoding "${value}"`,
      501,
      post(`Transfer-Encoding: ${value}\r\n`, ''),
    ]),
    ...[
      '0x2\r\nok',
      '+2\r\nok',
      ' 2\r\nok',
      '2 \r\nok',
      '2;\r\nok',
      'g\r\nok',
      '\r\n',
      `${'0'.repeat(16)}2\r\nok`,
      '2;a b\r\nok',
      '2 ;a\r\nok',
      '2;a="\n"\r\nok',
    ].map((line): [string, number, string] => [`chunk line ${JSON.stringify(line)}`, 400, chunked(line)]),
    ['a chunk size beyond any memory', 400, chunked('FFFFFFFFFFFFFFFF1\r\n')],
    ['a chunk size beyond exact numbers', 400, chunked('FFFFFFFFFFFFFFF\r\n')],
    ['bare LF after a chunk size', 400, chunked('2\nok\r\n0\r\n\r\n')],
    ['more data than the chunk size', 400, chunked('5\r\nhelloX\r\n0\r\n\r\n')],
    ['no CRLF after a chunk', 400, chunked('2\r\nok0\r\n\r\n')],
    ['bare LF after a chunk', 400, chunked('2\r\nok\n0\r\n\r\n')],
    ['a trailer with a space before the colon', 400, chunked('0\r\nX : 1\r\n\r\n')],
  ];
  it.each(table)('%s: %i', (_name, status, input) => {
    const result = parse('request', input);
    expect(result.at(-1)).toMatch(new RegExp(`^failed ${status} `));
    expect(result.filter((event) => event.startsWith('end'))).toEqual([]);
  });
});

describe('limits', () => {
  const small = { maxHeaderBytes: 200, maxFields: 3, maxTargetBytes: 20 };
  it('counts fields, with Host among them', () => {
    expect(parse('request', get('A: 1\r\nB: 1\r\n'), { limits: small })).toHaveLength(1);
    expect(parse('request', get('A: 1\r\nB: 1\r\nC: 1\r\n'), { limits: small })).toEqual([
      'failed 431 too many fields',
    ]);
  });

  it('refuses a header block as soon as it is over the limit, without its end', () => {
    expect(parse('request', `GET / HTTP/1.1\r\nA: ${'x'.repeat(300)}`, { limits: small })).toEqual([
      'failed 431 header block is too large',
    ]);
  });

  it('takes a header block of exactly the limit', () => {
    const head = get(`A: ${'x'.repeat(200 - get('A: \r\n').length)}\r\n`);
    expect(head).toHaveLength(200);
    expect(parse('request', head, { limits: small })).toHaveLength(1);
    expect(parse('request', head.replace('A: ', 'A: x'), { limits: small })[0]).toMatch(/^failed 431/);
  });

  it('refuses a long target', () => {
    expect(parse('request', `GET /${'a'.repeat(20)} HTTP/1.1\r\n`, { limits: small })).toEqual([
      'failed 414 request target is too long',
    ]);
  });

  it('refuses 100,000 fields after the first hundred', () => {
    const input = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${'A: 1\r\n'.repeat(100_000)}\r\n`);
    const parser = new MessageParser('request', parserLimits);
    expect(parser.next(input, 0)).toBe(parseEvent.failed);
    expect(parser.failStatus).toBe(431);
  });

  it('refuses trailers over the limits', () => {
    const trailers = (count: number): string => chunked(`0\r\n${'A: 1\r\n'.repeat(count)}\r\n`);
    expect(parse('request', trailers(3), { limits: small }).at(-1)).toMatch(/^end/);
    expect(parse('request', trailers(4), { limits: small }).at(-1)).toBe('failed 431 too many fields');
  });

  it('refuses chunk extensions that outweigh the data (CVE-2023-39326)', () => {
    const chunk = `1;${'e'.repeat(100)}\r\nx\r\n`;
    const parser = new MessageParser('request', parserLimits);
    const input = latin1(chunked(chunk.repeat(10_000)));
    let at = 0;
    let event = parser.next(input, at);
    while (event !== parseEvent.failed && event !== parseEvent.more) {
      at = parser.offset;
      event = parser.next(input, at);
    }
    expect(event).toBe(parseEvent.failed);
    expect(at).toBeLessThan(40_000);
  });

  it('refuses one endless extension', () => {
    expect(parse('request', chunked(`1;${'e'.repeat(17_000)}`)).at(-1)).toMatch(/^failed 400/);
  });

  it('refuses a Connection field that names more than any message has', () => {
    expect(parse('request', get(`Connection: ${'a,'.repeat(200)}\r\n`))).toEqual([
      'failed 400 too many connection options',
    ]);
    expect(parse('request', get('X-A: 1\r\n'))).toEqual(['GET / @a.test | no body | X-A=1']);
  });
});

describe('responses', () => {
  const table: [name: string, input: string, setup: Setup, expected: string[]][] = [
    [
      'a declared body',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      {},
      ['200 OK | body:2 | Content-Length=2', 'body ok', 'end'],
    ],
    ['no reason', 'HTTP/1.1 204\r\n\r\n', {}, ['204  | no body | ']],
    [
      'an odd reason',
      'HTTP/1.1 599 \xe4 b\r\nContent-Length: 0\r\n\r\n',
      {},
      ['599 \xe4 b | no body | Content-Length=0'],
    ],
    [
      'interim answers first',
      'HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      {},
      ['103 Early | no body | Link=x', '199 Odd | no body | ', '200 OK | no body | Content-Length=0'],
    ],
    [
      'until close',
      'HTTP/1.1 200 OK\r\n\r\nab\r\n\r\nc',
      { close: true },
      ['200 OK | body:-1 close | ', 'body ab\r\n\r\nc', 'end'],
    ],
    [
      'until close from HTTP/1.0',
      'HTTP/1.0 200 OK\r\n\r\nx',
      { close: true },
      ['200 OK | body:-1 close 1.0 | ', 'body x', 'end'],
    ],
    [
      "without the origin's alternatives to itself",
      'HTTP/1.1 200 OK\r\nX: 1\r\nalt-Svc: h3=":443"\r\nContent-Length: 0\r\n\r\n',
      {},
      ['200 OK | no body | X=1; Content-Length=0'],
    ],
    [
      'chunked with a trailer',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nGrpc-Status: 0\r\n\r\n',
      {},
      ['200 OK | body:-1 | ', 'body x', 'end Grpc-Status=0'],
    ],
    [
      'to HEAD',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
      { answersHead: true, close: true },
      ['200 OK | no body | Content-Length=5'],
    ],
    [
      '304',
      'HTTP/1.1 304 N\r\nContent-Length: 1000\r\n\r\n',
      { close: true },
      ['304 N | no body | Content-Length=1000'],
    ],
    [
      '204 that frames a body is the last of its connection',
      'HTTP/1.1 204 N\r\nContent-Length: 3\r\n\r\n',
      {},
      ['204 N | no body close | Content-Length=3'],
    ],
    [
      '101 keeps Upgrade and ends the reading',
      'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00',
      {},
      ['101 S | no body upgrade:websocket | Upgrade=websocket'],
    ],
    [
      'Host and Expect are plain fields here',
      'HTTP/1.1 204 N\r\nHost: x\r\nExpect: y\r\n\r\n',
      {},
      ['204 N | no body | Host=x; Expect=y'],
    ],
    [
      'a short body',
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
      { close: true },
      ['200 OK | body:10 | Content-Length=10', 'body abc', 'failed connection closed in the middle of a message'],
    ],
    [
      'half a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
      { close: true },
      ['200 OK | body:-1 | ', 'body ab', 'failed connection closed in the middle of a message'],
    ],
    [
      'half a head',
      'HTTP/1.1 200 OK\r\nCont',
      { close: true },
      ['failed connection closed in the middle of a message'],
    ],
    ['nothing', '', { close: true }, []],
  ];
  it.each(table)('%s', (_name, input, setup, expected) => {
    expect(parse('response', input, setup)).toEqual(expected);
  });

  it.each([
    'garbage\r\n\r\n',
    'HTTP/2 200\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000\r\n\r\n',
    'HTTP/1.1 200\tOK\r\n\r\n',
    'HTTP/1.1 099 OK\r\n\r\n',
    '\r\nHTTP/1.1 200 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ])('refuses %j', (input) => {
    expect(parse('response', input).at(-1)).toMatch(/^failed/);
  });
});

describe('the parser', () => {
  it('hands out body bytes by reference', () => {
    const parser = new MessageParser('request', parserLimits);
    const input = latin1(post('Content-Length: 4\r\n', 'body'));
    parser.next(input, 0);
    const event = parser.next(input, parser.offset);
    expect(event).toBe(parseEvent.chunk);
    expect(parser.chunk.buffer).toBe(input.buffer);
  });

  it('counts the bytes of each message as they are on the wire', () => {
    const parser = new MessageParser('request', parserLimits);
    const first = chunked('2;x\r\nok\r\n0\r\n\r\n');
    const input = latin1(first + get(''));
    while (parser.next(input, parser.offset) !== parseEvent.end) continue;
    expect(parser.bytes).toBe(first.length);
    parser.next(input, parser.offset);
    expect(parser.bytes).toBe(get('').length);
  });

  it('is idle before, between and after messages, and after an empty line', () => {
    const parser = new MessageParser('request', parserLimits);
    expect(parser.idle).toBe(true);
    parser.next(latin1('\r\n'), 0);
    expect(parser.idle).toBe(true);
    parser.next(latin1('G'), 0);
    expect([parser.idle, parser.inHead]).toEqual([false, true]);
    parser.next(latin1('ET / HTTP/1.1\r\nHost: a\r\n\r\n'), 0);
    expect(parser.idle).toBe(true);
  });

  it('keeps two half-read heads apart', () => {
    const one = new MessageParser('request', parserLimits);
    const two = new MessageParser('request', parserLimits);
    one.next(latin1('GET /one HTTP/1.1\r\nHost: a\r\nX-One: 1'), 0);
    two.next(latin1('GET /twotwo HTTP/1.1\r\nHost: bbbb\r\nX-Two-Two: 2'), 0);
    one.next(latin1('1\r\n\r\n'), 0);
    two.next(latin1('2\r\n\r\n'), 0);
    expect([one.target, fieldsOf(one.headers)]).toEqual(['/one', 'X-One=11']);
    expect([two.target, fieldsOf(two.headers)]).toEqual(['/twotwo', 'X-Two-Two=22']);
  });

  it('says nothing more after a failure', () => {
    const parser = new MessageParser('request', parserLimits);
    parser.next(latin1('GET\r\n'), 0);
    expect(parser.next(latin1(get('')), 0)).toBe(parseEvent.failed);
  });
});
