// The chunked coding: rows 30 to 33, 96 to 101. Its lines are read and forgotten, only data and trailers go on.

import { originBody, originField, originLacks, refused, served, unfinished } from '../expectations.ts';
import type { Draw } from '../draw.ts';
import type { Case, Row } from '../row.ts';
import { get, post } from './requests.ts';

const coding = ['Transfer-Encoding: chunked'];

/** Refused, and what had been sent upstream of it never became a whole request. */
function broken(bodies: readonly string[], ...statuses: readonly number[]): Case[] {
  return bodies.map((body, index) => ({
    name: `${index}`,
    client: post('/', coding, body) + get('/smuggled'),
    ends: true,
    unjudged: true,
    expect: [refused(...statuses), unfinished, originLacks('/smuggled')],
  }));
}

function chunks(draw: Draw): string {
  const size = 1 + draw.below(9);
  return `${size}\r\n${'x'.repeat(size)}\r\n`;
}

export const chunked: readonly Row[] = [
  {
    row: 30,
    id: 'chunk-ext-stripped',
    source: '9112 7.1.1',
    cases: (draw) => {
      const [name, value] = [draw.word(), draw.word()];
      const extensions = [`;${name}=${value}`, `;${name}`, `;${name}="${value};\\""`, `;${name}=1;${value}=2`];
      return extensions.map((extension, index) => ({
        name: `${index}`,
        client: post(draw.path(), coding, `2${extension}\r\nok\r\n0${extension}\r\n\r\n`),
        expect: [
          served,
          originBody('ok'),
          ({ origin }) => (origin.requests[0]?.extensions === true ? 'the extension went on' : ''),
        ],
      }));
    },
  },
  {
    row: 31,
    id: 'chunk-size-invalid',
    source: '9112 7.1',
    cases: (draw) => {
      const sizes = [
        '0x2',
        '+2',
        '-2',
        ' 2',
        '2 ',
        '2;',
        'g',
        '12345678901234567',
        '',
        '2\t',
        '2;=x',
        '2;a b',
        '2 ;a',
        '2;a="',
        '2;a=\x01',
      ];
      return [
        ...broken(
          sizes.map((size) => `${size}\r\nok\r\n0\r\n\r\n`),
          400,
        ),
        ...broken(
          sizes.map((size) => `${chunks(draw)}${size}\r\nok\r\n0\r\n\r\n`),
          400,
        ),
      ];
    },
  },
  {
    row: 32,
    id: 'chunk-bare-lf',
    source: '9112 7.1',
    cases: (draw) =>
      broken(
        [
          '2\nok\r\n0\r\n\r\n',
          '2\r\nok\n0\r\n\r\n',
          '2\r\nok\r\n0\n\r\n',
          '2\r\nok\r\n0\r\n\n',
          `2;${draw.word()}\nok\r\n0\r\n\r\n`,
          '2\rok\r\n0\r\n\r\n',
          `2\r\nok\r\n0\r\n${draw.name()}: 1\n\r\n`,
        ],
        400,
      ),
  },
  {
    row: 33,
    id: 'req-trailer-no-merge',
    source: '9110 6.5.1',
    cases: (draw) => [
      {
        client: post(
          draw.path(),
          ['Trailer: X-Forwarded-For', ...coding],
          draw.chunked('body', `${draw.cased('X-Forwarded-For')}: 9.9.9.9\r\n`),
        ),
        expect: [served, originBody('body'), originLacks('9.9.9.9')],
      },
    ],
  },
  {
    row: 96,
    id: 'chunk-overflow',
    source: '9112 7.1',
    cases: (draw) =>
      broken(
        [
          'FFFFFFFFFFFFFFFF1\r\n',
          'FFFFFFFFFFFFFFFF\r\n',
          `${'0'.repeat(40)}2\r\nok\r\n0\r\n\r\n`,
          `1${'0'.repeat(14 + draw.below(9))}\r\n`,
        ],
        400,
      ),
  },
  {
    row: 97,
    id: 'chunk-spill',
    source: '9112 7.1',
    cases: (draw) =>
      broken([`5\r\nhello${draw.word()}\r\n0\r\n\r\n`, '3\r\nhello\r\n0\r\n\r\n', '6\r\nhello\r\n0\r\n\r\n'], 400),
  },
  {
    row: 98,
    id: 'chunk-no-crlf',
    source: '9112 7.1',
    cases: () => broken(['2\r\nok0\r\n\r\n', '2\r\nok\r0\r\n\r\n'], 400),
  },
  {
    row: 99,
    id: 'chunk-ext-huge',
    source: '9112 7.1.1',
    note: 'chunk lines may have 16 KiB more than twice their data',
    cases: (draw) => [
      { ...(broken([`2;${draw.word()}=${'x'.repeat(65_536)}\r\nok\r\n0\r\n\r\n`], 400, 413)[0] as Case), whole: true },
      {
        ...(broken([`1;${'x'.repeat(40)}\r\nz\r\n`.repeat(10_000)], 400, 413)[0] as Case),
        name: 'in every chunk',
        whole: true,
      },
    ],
  },
  {
    row: 100,
    id: 'trailer-forbidden',
    source: '9110 6.5.1',
    cases: (draw) => {
      const names = [
        'Host',
        'Content-Length',
        'Authorization',
        'Transfer-Encoding',
        'Cookie',
        'Connection',
        'TE',
        'Content-Type',
      ];
      const kept = `${draw.name()}k`;
      const trailers = names.map((name) => `${draw.cased(name)}: 77\r\n`).join('');
      return [
        {
          client: post(draw.path(), coding, draw.chunked('body', `${trailers}${kept}: ${draw.word()}\r\n`)),
          expect: [served, originBody('body'), originLacks(': 77'), originField(kept, [])],
        },
      ];
    },
  },
  {
    row: 101,
    id: 'trailer-many',
    source: '9112 7.1.2',
    cases: (draw) => [
      {
        client: post('/', coding, `2\r\nok\r\n0\r\n${`X-${draw.word()}: 1\r\n`.repeat(10_000)}\r\n`),
        ends: true,
        whole: true,
        unjudged: true,
        expect: [refused(400, 431), unfinished],
      },
    ],
  },
];
