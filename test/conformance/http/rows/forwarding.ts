// What fields become on their way, what is told about the client, and what is logged: rows 59 to 61, 112, 119 to 123,
// 125, 146, 157, 159, 160; and rows 148 to 152, which say what a cache must not do.

import {
  answerBody,
  answered,
  answerField,
  originField,
  originGot,
  originLacks,
  served,
  all,
} from '../expectations.ts';
import { valuesOf } from '../messages.ts';
import type { Case, Row } from '../row.ts';
import { get, message, ok } from './requests.ts';

const nothingStored = 'nothing is stored yet; to be asked again with `memoryCache`';

/** Two requests one after the other, and what the origin's second answer is: nothing of the first may be in it. */
function asked(requests: readonly string[], answers: readonly string[], heads: readonly number[] = []): Case {
  let count = 0;
  return {
    client: async (client) => {
      for (const [index, request] of requests.entries()) {
        await client.send(request);
        await client.answered(index + 1);
      }
    },
    origin: (side) => void side.send(answers[count++] ?? ''),
    answers: requests.length,
    heads,
    expect: [originGot(requests.length)],
  };
}

const sized = (body: string, ...fields: readonly string[]): string =>
  ok([`Content-Length: ${body.length}`, ...fields], body);

export const forwarding: readonly Row[] = [
  {
    row: 59,
    id: 'dup-hdr-order',
    source: '9110 5.3',
    cases: (draw) => {
      const name = draw.name();
      const values = [draw.word(), draw.word(), draw.word()];
      return [
        {
          client: get(
            '/',
            `${name}: ${values[0]}`,
            `${name.toUpperCase()}: ${values[1]}`,
            'X: y',
            `${name}: ${values[2]}`,
          ),
          expect: [
            served,
            ({ origin }) =>
              valuesOf(origin.requests[0]?.fields ?? [], name).join(', ') === values.join(', ') ? '' : 'another order',
          ],
        },
      ];
    },
  },
  {
    row: 60,
    id: 'set-cookie-not-merged',
    source: '9110 5.3',
    cases: (draw) => {
      const cookies = [`a=${draw.word()}; Path=/`, `b=${draw.word()}, c`];
      return [
        {
          client: get('/'),
          origin: (side) =>
            void side.answer('ok', ...cookies.map((cookie) => `${draw.cased('Set-Cookie')}: ${cookie}`)),
          expect: [served, answerField('set-cookie', cookies)],
        },
      ];
    },
  },
  {
    row: 61,
    id: 'non-ascii-passthrough',
    source: '9110 5.5',
    cases: (draw) => {
      const name = draw.name();
      const value = Array.from({ length: 1 + draw.below(9) }, () => String.fromCharCode(0x80 + draw.below(128))).join(
        '',
      );
      return [
        {
          client: get('/', `${name}: ${value}`),
          origin: (side) => void side.answer('ok', `${name}: ${value}`),
          expect: [served, originField(name, [value]), answerField(name, [value])],
        },
      ];
    },
  },
  {
    row: 112,
    id: 'response-split',
    source: '9110 5.5',
    note: 'by `setHeaders` with a variable and by `rewriteTarget`; the Redirector asks it again when it acts',
    cases: (draw) => {
      const attack = `%0d%0aSet-Cookie:%20${draw.word()}%0d%0a%0d%0a`;
      return [
        {
          name: 'setHeaders',
          client: get(`/argument?q=${attack}`),
          expect: [served, originField('set-cookie', []), originLacks('\r\nset-cookie')],
        },
        {
          name: 'the path',
          client: get(`/argument/${attack}`),
          expect: [served, originField('set-cookie', []), originLacks('\r\nset-cookie')],
        },
        {
          name: 'rewriteTarget',
          client: get(`/rewrite/${attack}`),
          expect: [served, originLacks('\r\nset-cookie', ' set-cookie')],
        },
      ];
    },
  },
  {
    row: 119,
    id: 'proxy-authorization',
    source: '9110 11.7',
    cases: (draw) => {
      const secret = `${draw.word()}secret`;
      return [
        {
          client: get('/', `${draw.cased('Proxy-Authorization')}: Basic ${secret}`),
          expect: [served, originLacks(secret)],
        },
      ];
    },
  },
  {
    row: 120,
    id: 'authorization-kept',
    source: '9110 11.6',
    cases: (draw) => {
      const value = `Bearer ${draw.word()}.${draw.word()}`;
      return [{ client: get('/', `Authorization: ${value}`), expect: [served, originField('authorization', [value])] }];
    },
  },
  {
    row: 121,
    id: 'xff-append',
    source: '7239',
    note: 'the peer is not trusted: what it says about itself is replaced',
    cases: (draw) => [
      {
        client: get('/', `${draw.cased('X-Forwarded-For')}: 1.1.1.${draw.below(255)}`, 'X-Forwarded-For: 2.2.2.2'),
        expect: [served, originField('x-forwarded-for', ['127.0.0.1'])],
      },
      {
        name: 'written when there is none',
        client: get('/'),
        expect: [served, originField('x-forwarded-for', ['127.0.0.1'])],
      },
    ],
  },
  {
    row: 122,
    id: 'forwarded-quote',
    source: '7239 4',
    cases: (draw) => {
      const port = 1 + draw.below(65535);
      return [
        {
          client: message('GET / HTTP/1.1', [
            `Host: [::1]:${port}`,
            `${draw.cased('Forwarded')}: for=9.9.9.9;proto=https`,
          ]),
          address: '::1',
          expect: [
            served,
            originField('forwarded', [`for="[::1]";proto=http;host="[::1]:${port}"`]),
            originField('x-forwarded-for', ['::1']),
          ],
        },
        {
          name: 'IPv4',
          client: get('/'),
          expect: [served, originField('forwarded', ['for=127.0.0.1;proto=http;host=a.test'])],
        },
      ];
    },
  },
  {
    row: 123,
    id: 'x-forwarded-proto',
    source: '7239',
    cases: (draw) => [
      {
        client: get(
          '/',
          `${draw.cased('X-Forwarded-Proto')}: https`,
          'X-Forwarded-Host: evil.test',
          'X-Forwarded-Port: 443',
        ),
        expect: [
          served,
          originField('x-forwarded-proto', ['http']),
          originField('x-forwarded-host', ['a.test']),
          originLacks('evil.test'),
        ],
      },
    ],
  },
  {
    row: 125,
    id: 'date-added',
    source: '9110 6.6.1',
    cases: () => [
      {
        client: get('/'),
        expect: [
          served,
          ({ client }) => {
            const [date = '', second] = valuesOf(client.answers[0]?.fields ?? [], 'date');
            const off = Math.abs(Date.parse(date) - Date.now());
            return second === undefined && /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(date) && off < 5000
              ? ''
              : `Date is ${date}`;
          },
        ],
      },
    ],
  },
  {
    row: 10,
    id: 'date-kept',
    source: '9110 6.6.1',
    cases: (draw) => {
      const date = `Mon, 01 Jan 2024 0${draw.below(10)}:00:00 GMT`;
      return [
        {
          client: get('/'),
          origin: (side) => void side.answer('ok', `${draw.cased('Date')}: ${date}`),
          expect: [served, answerField('date', [date])],
        },
      ];
    },
  },
  {
    row: 146,
    id: 'alt-svc',
    source: '7838 3',
    cases: (draw) => [
      {
        client: get('/'),
        origin: (side) => void side.answer('ok', `${draw.cased('Alt-Svc')}: h3=":${1 + draw.below(65535)}"; ma=86400`),
        expect: [served, answerField('alt-svc', [])],
      },
    ],
  },
  {
    row: 157,
    id: 'content-encoding-hop',
    source: '9110 8.4',
    note: 'unchanged',
    cases: (draw) => {
      const [body, tag] = [draw.body(), `"${draw.word()}"`];
      return [
        {
          client: get('/'),
          origin: (side) => void side.answer(body, 'Content-Encoding: gzip', `ETag: ${tag}`),
          expect: [served, answerBody(body), answerField('content-encoding', ['gzip']), answerField('etag', [tag])],
        },
      ];
    },
  },
  {
    row: 159,
    id: 'retry-after',
    source: '6585 4',
    note: 'by the limiter; the breaker asks it again when it acts',
    cases: () => [
      {
        client: get('/limited') + get('/limited'),
        answers: 2,
        expect: [
          ({ client }) => {
            const refusal = client.answers[1];
            const value = valuesOf(refusal?.fields ?? [], 'retry-after').join();
            return refusal?.start[1] === '429' && /^[1-9]\d*$/.test(value)
              ? ''
              : `${refusal?.start[1]} with Retry-After ${value}`;
          },
        ],
      },
    ],
  },
  {
    row: 160,
    id: 'log-injection',
    source: '9110 17',
    cases: (draw) => {
      const word = draw.word();
      const path = `/${word}${draw.word()}`;
      return [
        {
          client: get(`${path}%0d%0a"x"\\%1b[31m"'`, `User-Agent: ${word}"\\{{x}}`, `Referer: \xe4\xff${word}`),
          expect: [
            served,
            async ({ log }) => {
              const lines = await log(path);
              if (lines.length !== 1) return `${lines.length} lines`;
              // oxlint-disable-next-line no-control-regex -- they are what must not be there
              if (/[\0-\x1f\x7f]/.test(lines[0] ?? '')) return 'a control character';
              return typeof JSON.parse(lines[0] ?? '') === 'object' ? '' : 'no JSON';
            },
          ],
        },
        {
          name: 'a head that is refused',
          client: get(`${path}x`, `User-Agent: \x1b[31m${word}`),
          ends: true,
          expect: [answered(400), originGot(0)],
        },
      ];
    },
  },
  {
    row: 148,
    id: 'no-store-private',
    source: '9111 5.2',
    note: nothingStored,
    cases: (draw) =>
      ['Cache-Control: private, max-age=60', 'Cache-Control: no-store', 'Cache-Control: max-age=60'].map((field) => {
        const path = draw.path();
        const client = [get(path, 'Authorization: Bearer one'), get(path, 'Authorization: Bearer two')];
        const one = asked(client, [sized('first', field), sized('second', field)]);
        return { ...one, name: field, expect: [...one.expect, answerBody('second', 1)] };
      }),
  },
  {
    row: 149,
    id: 'vary-star',
    source: '9111 4.1',
    note: nothingStored,
    cases: (draw) => {
      const path = draw.path();
      const fields = ['Vary: *', 'Cache-Control: max-age=60'];
      const one = asked([get(path), get(path)], [sized('first', ...fields), sized('second', ...fields)]);
      return [{ ...one, expect: [...one.expect, answerBody('second', 1)] }];
    },
  },
  {
    row: 150,
    id: 'cache-key',
    source: '9111 4',
    note: nothingStored,
    cases: (draw) => {
      const path = draw.path();
      const evil = `${draw.word()}.evil.test`;
      const one = asked(
        [get(path, `X-Forwarded-Host: ${evil}`), get(path)],
        [sized(evil, 'Cache-Control: max-age=60'), sized('clean')],
      );
      return [{ ...one, expect: [...one.expect, answerBody('clean', 1)] }];
    },
  },
  {
    row: 151,
    id: 'range-cache',
    source: '9111 3.3',
    note: nothingStored,
    cases: (draw) => {
      const path = draw.path();
      const part = message(
        'HTTP/1.1 206 Partial Content',
        ['Content-Range: bytes 0-1/8', 'Content-Length: 2', 'Cache-Control: max-age=60'],
        'ab',
      );
      const one = asked([get(path, 'Range: bytes=0-1'), get(path)], [part, sized('abcdefgh')]);
      return [{ ...one, expect: [all(...one.expect, answered(206, 200), answerBody('abcdefgh', 1))] }];
    },
  },
  {
    row: 152,
    id: 'head-updates',
    source: '9111 4.3.5',
    note: nothingStored,
    cases: (draw) => {
      const path = draw.path();
      const old = sized('old', 'ETag: "1"', 'Cache-Control: max-age=60');
      const head = ok(['Content-Length: 3', 'ETag: "2"', 'Cache-Control: max-age=60']);
      const one = asked(
        [get(path), message(`HEAD ${path} HTTP/1.1`, ['Host: a.test']), get(path)],
        [old, head, sized('new', 'ETag: "2"')],
        [1],
      );
      return [{ ...one, expect: [...one.expect, answerBody('new', 2), answerField('etag', ['"2"'], 2)] }];
    },
  },
];
