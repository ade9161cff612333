// Methods and the first line: rows 51 to 56, 63, 84 to 90.

import {
  all,
  answered,
  clientLacks,
  closed,
  either,
  originField,
  originGot,
  originLine,
  rejected,
  served,
  statusIn,
  untouched,
} from '../expectations.ts';
import type { Expectation, Row } from '../row.ts';
import { get, message } from './requests.ts';

const line = (text: string): string => message(text, ['Host: a.test']);

/** Closed without a byte. */
const silent: Expectation = all(closed, clientLacks('HTTP/'));

/** With an empty SETTINGS frame. */
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

export const methods: readonly Row[] = [
  {
    row: 51,
    id: 'max-forwards-0-options',
    source: '9110 7.6.2',
    cases: (draw) => [
      {
        client: message(`OPTIONS ${draw.path()} HTTP/1.1`, ['Host: a.test', `${draw.cased('Max-Forwards')}: 0`]),
        expect: [statusIn(200, 204), untouched],
      },
    ],
  },
  {
    row: 52,
    id: 'max-forwards-dec',
    source: '9110 7.6.2',
    cases: (draw) => {
      const hops = 1 + draw.below(90);
      return [
        {
          client: message(`OPTIONS ${draw.path()} HTTP/1.1`, ['Host: a.test', `Max-Forwards: ${hops}`]),
          expect: [served, originField('max-forwards', [`${hops - 1}`])],
        },
      ];
    },
  },
  {
    row: 53,
    id: 'options-star',
    source: '9110 9.3.7',
    cases: () => [
      { client: line('OPTIONS * HTTP/1.1'), expect: [statusIn(200, 204)] },
      {
        name: 'with Max-Forwards: 0',
        client: message('OPTIONS * HTTP/1.1', ['Host: a.test', 'Max-Forwards: 0']),
        expect: [statusIn(200, 204), untouched],
      },
    ],
  },
  {
    row: 54,
    id: 'connect-refused',
    source: '9110 9.3.6',
    cases: (draw) => [
      {
        client: `CONNECT ${draw.word()}.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n${draw.value()}`,
        ends: true,
        expect: [rejected(400, 403, 405, 501)],
      },
      {
        name: 'with a path',
        client: line(`CONNECT ${draw.path()} HTTP/1.1`),
        ends: true,
        expect: [rejected(400, 403, 405, 501)],
      },
    ],
  },
  {
    row: 55,
    id: 'trace-no-creds',
    source: '9110 9.3.8',
    cases: (draw) => {
      const secret = `${draw.word()}secret`;
      return [
        {
          client: message(`TRACE ${draw.path()} HTTP/1.1`, [
            'Host: a.test',
            `Cookie: ${secret}=1`,
            `Authorization: ${secret}`,
          ]),
          expect: [answered(405), clientLacks(secret)],
        },
      ];
    },
  },
  {
    row: 56,
    id: 'pipeline-order',
    source: '9112 9.3.2',
    cases: (draw) => {
      const paths = Array.from({ length: 2 + draw.below(6) }, (_, index) => `${draw.path()}/${index}`);
      return [
        {
          client: paths.map((path) => get(path)).join(''),
          origin: (side, { start }) => void side.answer(start[1]),
          answers: paths.length,
          expect: [
            answered(...paths.map(() => 200)),
            ({ client }) => {
              const got = client.answers.map(({ body }) => body).join(' ');
              return got === paths.join(' ') ? '' : `answers ${got}, not ${paths.join(' ')}`;
            },
          ],
        },
      ];
    },
  },
  {
    row: 63,
    id: 'conn-close-honoured',
    source: '9112 9.6',
    cases: (draw) => [
      {
        client:
          get(
            draw.path(),
            `${draw.cased('Connection')}: ${draw.pick(['close', 'Close', 'x, close', 'keep-alive, close'])}`,
          ) + get('/after'),
        ends: true,
        expect: [served, closed],
      },
    ],
  },
  {
    row: 84,
    id: 'version-bad',
    source: '9112 2.3',
    note: 'what names no HTTP at all may be closed without a word',
    cases: (draw) =>
      [
        'HTTP/1.2',
        'HTTP/2.0',
        'HTTP/1',
        'http/1.1',
        'HTTP/01.1',
        'HTTP/1.',
        'HTTP/1.1 ',
        `HTTP/1.${draw.word()}`,
        'HTTP/3.0',
        'HTCPCP/1.0',
        '',
      ].map((version) => ({
        name: version,
        client: line(`GET / ${version}`),
        ends: true,
        expect: [
          version.toLowerCase().startsWith('http/')
            ? rejected(400, 505)
            : all(untouched, either(rejected(400), silent)),
        ],
      })),
  },
  {
    row: 85,
    id: 'http09',
    source: '9112 2.3',
    cases: (draw) => [
      {
        client: `GET ${draw.path()}\r\n`,
        ends: true,
        expect: [closed, untouched, either(rejected(400), silent)],
      },
    ],
  },
  {
    row: 86,
    id: 'preface-on-h1',
    source: '9113 3.4',
    note: 'answered in HTTP/2, which the port speaks as well',
    cases: () => [
      {
        client: async (client) => {
          await client.send(preface);
          await client.until(() => client.text !== '' || client.ended);
        },
        answers: 0,
        expect: [
          untouched,
          either(rejected(400, 505), silent, ({ client }) =>
            client.text.slice(3, 5) === '\x04\0' ? '' : 'no SETTINGS',
          ),
        ],
      },
    ],
  },
  {
    row: 87,
    id: 'method-unknown',
    source: '9110 9.1',
    cases: (draw) => {
      const method = draw.pick([draw.word().toUpperCase(), "M!#$%&'*+.^_`|~-1", 'GETX', 'QUERY']);
      const path = draw.path();
      return [
        {
          client: line(`${method} ${path} HTTP/1.1`),
          expect: [either(all(served, originLine(method, path)), rejected(501))],
        },
      ];
    },
  },
  {
    row: 88,
    id: 'method-lower',
    source: '9110 9.1',
    cases: (draw) => {
      const method = draw.pick(['get', 'Get', 'gET', 'post', 'connect', 'trace', 'head']);
      return [
        {
          client: line(`${method} / HTTP/1.1`),
          expect: [either(all(originGot(1), originLine(method, '/')), rejected(501))],
        },
      ];
    },
  },
  {
    row: 89,
    id: 'method-long',
    source: '9110 15.6.2',
    cases: (draw) => [
      {
        client: line(`${draw.word().toUpperCase().repeat(10_000).slice(0, 10_240)} / HTTP/1.1`),
        ends: true,
        whole: true,
        expect: [rejected(400, 501)],
      },
    ],
  },
  {
    row: 90,
    id: 'leading-crlf',
    source: '9112 2.2',
    cases: (draw) => [
      { client: `\r\n${get(draw.path())}`, expect: [served] },
      {
        name: 'between two',
        client: `${get(draw.path())}\r\n${get(draw.path())}`,
        answers: 2,
        expect: [answered(200, 200), originGot(2)],
      },
    ],
  },
];
