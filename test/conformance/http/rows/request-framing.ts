// Where a request ends: rows 18 to 29, 93 to 95, 102 to 104. What two readers could frame differently is refused.

import {
  all,
  answered,
  closed,
  either,
  originBody,
  originField,
  originGot,
  originLacks,
  originLine,
  rejected,
  served,
} from '../expectations.ts';
import type { Draw } from '../draw.ts';
import type { Case, Row } from '../row.ts';
import { get, message, post } from './requests.ts';

/** A second request behind a refused one, which must not be answered. */
const follower = get('/smuggled');

function refusedCases(texts: readonly string[], ...statuses: readonly number[]): Case[] {
  return texts.map((client, index) => ({
    name: `${index}`,
    client: client + follower,
    ends: true,
    expect: [rejected(...statuses)],
  }));
}

function fields(draw: Draw, lines: readonly string[]): string[] {
  return lines.map((line) => get(draw.path(), `X-${draw.word()}: 1`, line, `${draw.name()}: 2`));
}

const lengths = (draw: Draw): string[] => {
  const size = 2 + draw.below(7);
  return [
    `+${size}`,
    `0x${size}`,
    `${size}_0`,
    `-${size}`,
    '',
    '1e1',
    '\xef\xbc\x92',
    `${size} 0`,
    `${size},`,
    `,${size}`,
    `"${size}"`,
    `${size}.0`,
  ];
};

export const requestFraming: readonly Row[] = [
  {
    row: 18,
    id: 'te-cl-both',
    source: '9112 6.1, 6.3',
    cases: (draw) => {
      const lines = ['Content-Length: 6', `${draw.cased('Transfer-Encoding')}: chunked`];
      const clients = [lines, lines.toReversed()].map((both) =>
        post(draw.path(), both, `0\r\n\r\n${draw.pick(['X', 'G'])}`),
      );
      return refusedCases(clients, 400);
    },
  },
  {
    row: 19,
    id: 'te-unknown',
    source: '9112 6.1',
    cases: (draw) =>
      refusedCases(
        [`Transfer-Encoding: ${draw.word()}`, 'Transfer-Encoding: gzip', 'Transfer-Encoding:'].map((line) =>
          post('/', [line], ''),
        ),
        501,
        400,
      ),
  },
  {
    row: 20,
    id: 'te-chunked-not-last',
    source: '9112 6.3',
    cases: (draw) =>
      refusedCases([post(draw.path(), [`Transfer-Encoding: chunked, ${draw.word()}`], '0\r\n\r\n')], 400),
  },
  {
    row: 21,
    id: 'te-http10',
    source: '9112 6.1',
    cases: (draw) =>
      refusedCases(
        [
          message(
            `POST ${draw.path()} HTTP/1.0`,
            ['Host: a.test', 'Connection: keep-alive', 'Transfer-Encoding: chunked'],
            '0\r\n\r\n',
          ),
        ],
        400,
      ),
  },
  {
    row: 22,
    id: 'cl-dup-diff',
    source: '9112 6.3',
    cases: (draw) => {
      const size = 1 + draw.below(8);
      return refusedCases(
        [
          post(
            draw.path(),
            [`Content-Length: ${size}`, `${draw.cased('Content-Length')}: ${size + 1}`],
            'x'.repeat(size),
          ),
        ],
        400,
      );
    },
  },
  {
    row: 23,
    id: 'cl-list-same',
    source: '9110 8.6',
    cases: (draw) => [
      {
        client: post(draw.path(), ['Content-Length: 2, 2'], 'ok'),
        expect: [either(rejected(400), all(served, originField('content-length', ['2'])))],
      },
    ],
  },
  {
    row: 24,
    id: 'cl-plus',
    source: '9110 8.6',
    cases: (draw) =>
      refusedCases(
        lengths(draw).map((value) => post('/', [`Content-Length: ${value}`], 'ok')),
        400,
      ),
  },
  {
    row: 25,
    id: 'sp-before-colon',
    source: '9112 5.1',
    cases: (draw) => {
      const name = draw.name();
      const lines = [
        `${name} : 1`,
        `${name}\t: 1`,
        'Content-Length : 3',
        'Transfer-Encoding : chunked',
        'Host : b.test',
      ];
      return refusedCases(fields(draw, lines), 400);
    },
  },
  {
    row: 26,
    id: 'obs-fold',
    source: '9112 5.2',
    cases: (draw) =>
      refusedCases(
        fields(draw, [
          `${draw.name()}: 1\r\n 2`,
          `${draw.name()}: 1\r\n\t${draw.value()}`,
          `${draw.name()}:\r\n ${draw.word()}`,
        ]),
        400,
      ),
  },
  {
    row: 27,
    id: 'bare-cr',
    source: '9112 2.2',
    cases: (draw) =>
      refusedCases(
        [
          ...fields(draw, [
            `${draw.name()}: 1\r2`,
            `${draw.name()}: 1\r`,
            `${draw.name()}: \r1`,
            `${draw.name()}\r: 1`,
            '\rX: 1',
          ]),
          'GET / HTTP/1.1\rHost: a.test\r\n\r\n',
          'GET / HTTP/1.1\r\r\nHost: a.test\r\n\r\n',
          'GET / HTTP/1.1\r\nHost: a.test\r\n\rX',
        ],
        400,
      ),
  },
  {
    row: 28,
    id: 'nul',
    source: '9110 5.5',
    cases: (draw) =>
      refusedCases(
        fields(draw, [
          `${draw.name()}: 1\x002`,
          `${draw.name()}\0: 1`,
          `${draw.name()}: \0`,
          `${draw.name()}: \x7f`,
          `${draw.name()}: \x1b[0m`,
        ]),
        400,
      ),
  },
  {
    row: 29,
    id: 'bare-lf-not-fwd',
    source: '9112 2.2',
    cases: (draw) => [
      ...refusedCases([get(draw.path(), `${draw.name()}: ${draw.value()}`).replaceAll('\r\n', '\n')], 400),
      ...refusedCases(
        [
          'GET / HTTP/1.1\nHost: a.test\r\n\r\n',
          'GET / HTTP/1.1\r\nHost: a.test\n\r\n',
          'GET / HTTP/1.1\r\nHost: a.test\r\n\n',
          `GET / HTTP/1.1\r\nHost: a.test\r\n${draw.name()}: 1\n${draw.name()}: 2\r\n\r\n`,
        ],
        400,
      ),
    ],
  },
  {
    row: 93,
    id: 'hdr-name-bad',
    source: '9110 5.1',
    cases: (draw) =>
      refusedCases(
        fields(draw, [
          `X[${draw.word()}]: 1`,
          'X\x80: 1',
          ': 1',
          draw.word(),
          '"X": 1',
          'X,Y: 1',
          'X/1: 1',
          '{}: 1',
          `\x0b${draw.name()}: 1`,
        ]),
        400,
      ),
  },
  {
    row: 94,
    id: 'hdr-underscore',
    source: '9110 5.1',
    note: 'forwarded as it came, a name of its own',
    cases: (draw) => {
      const value = draw.value();
      return [
        {
          client: get('/', `X_Forwarded_For: ${value}`, `Content_Length: 5`),
          expect: [served, originField('x_forwarded_for', [value]), originField('content_length', ['5'])],
        },
      ];
    },
  },
  {
    row: 95,
    id: 'te-obs-variants',
    source: '9112 6.1',
    cases: (draw) => {
      const values = [
        'Transfer-Encoding : chunked',
        'Transfer-Encoding: \x0bchunked',
        'Transfer-Encoding: chunked\0',
        'Transfer-Encoding: xchunked',
        'Transfer-Encoding: ,chunked',
        'Transfer-Encoding: chunked,',
        'Transfer-Encoding: "chunked"',
        'Transfer-Encoding: chunked;q=1',
        'Transfer-Encoding:\r\n chunked',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
        'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
        'Transfer-Encoding: identity',
        'Transfer-Encoding: chunked\t',
        'Transfer-Encoding: chunked\xa0',
      ];
      const body = draw.body();
      return [
        ...refusedCases(
          values.map((line) => post(draw.path(), [line], draw.chunked(body))),
          400,
          501,
        ),
        {
          name: 'CHUNKED',
          client: post(
            draw.path(),
            [`Transfer-Encoding: ${draw.pick(['CHUNKED', 'Chunked', '\tchunked  '])}`],
            draw.chunked(body),
          ),
          expect: [served, originBody(body)],
        },
      ];
    },
  },
  {
    row: 102,
    id: 'cl-huge',
    source: '9110 8.6',
    cases: (draw) => {
      const sizes = [
        '18446744073709551617',
        '9223372036854775808',
        '9007199254740993',
        '9'.repeat(40),
        `1${'0'.repeat(20 + draw.below(20))}`,
      ];
      return refusedCases(
        sizes.map((size) => post('/', [`Content-Length: ${size}`], '')),
        400,
        413,
      );
    },
  },
  {
    row: 103,
    id: 'cl-on-get',
    source: '9110 9.3.1',
    cases: (draw) => {
      const [body, first, second] = [draw.body(), draw.path(), draw.path()];
      return [
        {
          client:
            message(`GET ${first} HTTP/1.1`, ['Host: a.test', `Content-Length: ${body.length}`], body) + get(second),
          answers: 2,
          expect: [
            answered(200, 200),
            originGot(2),
            originLine('GET', first),
            originBody(body),
            originLine('GET', second, 1),
          ],
        },
      ];
    },
  },
  {
    row: 104,
    id: 'cl0-post',
    source: '9110 8.6',
    cases: (draw) =>
      ['POST', 'PUT', 'PATCH'].map((method) => ({
        name: method,
        client: message(`${method} ${draw.path()} HTTP/1.1`, ['Host: a.test']),
        expect: [served, originField('content-length', ['0']), originLacks('transfer-encoding')],
      })),
  },
  {
    row: 111,
    id: 'error-closes',
    source: '9112 2.2',
    cases: (draw) => [
      {
        client: get('/', `bad ${draw.word()}`) + get('/next'),
        ends: true,
        expect: [rejected(400), closed],
      },
      {
        name: 'behind a good one',
        client: get('/first') + get('/', `bad ${draw.word()}: 1`) + get('/next'),
        ends: true,
        answers: 2,
        expect: [answered(200, 400), closed, originGot(1), originLacks('/next')],
      },
    ],
  },
];
