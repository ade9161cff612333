// Which host a request is for, and what for: rows 10 to 17, 57, 58, 67 to 82.

import {
  all,
  answered,
  answerField,
  closed,
  either,
  originField,
  originLacks,
  originLine,
  rejected,
  served,
  statusIn,
  untouched,
} from '../expectations.ts';
import type { Case, Row } from '../row.ts';
import { get, message } from './requests.ts';

/** Refused with 400, whatever else is in the request. */
function bad(row: number, id: string, source: string, requests: (word: string) => readonly string[]): Row {
  return {
    row,
    id,
    source,
    cases: (draw) =>
      requests(draw.word()).map((client, index) => ({
        name: `${index}`,
        client,
        ends: true,
        expect: [rejected(400)],
      })),
  };
}

const host = (value: string): string => message('GET / HTTP/1.1', [`Host: ${value}`]);
const target = (text: string): string => get(text);

export const hostAndTarget: readonly Row[] = [
  {
    row: 11,
    id: 'host-absolute-form',
    source: '9112 3.2.2',
    cases: (draw) => {
      const path = `${draw.path()}?${draw.word()}`;
      const scheme = draw.pick(['http', 'HTTP', 'Http']);
      return [
        {
          client: message(`GET ${scheme}://b.test${path} HTTP/1.1`, ['Host: a.test']),
          expect: [served, originLine('GET', path), originField('host', ['b.test']), originField('x-route', ['b'])],
        },
        {
          name: 'without a path',
          client: message(`GET http://b.test?${draw.word()} HTTP/1.1`, ['Host: a.test']),
          expect: [served, originField('host', ['b.test'])],
        },
      ];
    },
  },
  bad(12, 'host-missing', '9112 3.2', (word) => [message('GET / HTTP/1.1', [`X-${word}: 1`])]),
  bad(13, 'host-dup', '9112 3.2', (word) => [
    message('GET / HTTP/1.1', ['Host: a.test', 'Host: a.test']),
    message('GET / HTTP/1.1', ['Host: a.test', `X-${word}: 1`, `hOST: ${word}`]),
    message('GET http://a.test/ HTTP/1.1', ['Host: a.test', 'Host: b.test']),
  ]),
  bad(14, 'host-invalid', '9112 3.2', (word) => [
    host(`${word} b`),
    host(`${word}\x01`),
    host(`${word}:8o`),
    host('"a"'),
  ]),
  {
    row: 15,
    id: 'http10-no-host-ok',
    source: '9112 3.2',
    cases: (draw) => [
      {
        client: message(`GET ${draw.path()} HTTP/1.0`, []),
        ends: true,
        expect: [either(served, rejected(400))],
      },
    ],
  },
  {
    row: 16,
    id: 'http10-close',
    source: '9112 9.3',
    cases: (draw) => [
      {
        client: message(`GET ${draw.path()} HTTP/1.0`, ['Host: a.test']),
        ends: true,
        expect: [served, closed],
      },
    ],
  },
  {
    row: 17,
    id: 'version-upgraded-up',
    source: '9110 2.5',
    cases: (draw) => {
      const path = draw.path();
      return [
        {
          client: message(`GET ${path} HTTP/1.0`, ['Host: a.test']),
          ends: true,
          expect: [served, originLine('GET', path), originField('host', ['a.test'])],
        },
      ];
    },
  },
  {
    row: 57,
    id: 'uri-fragment',
    source: '9112 3.2',
    cases: (draw) => [{ client: get(`${draw.path()}#${draw.word()}`), ends: true, expect: [rejected(400)] }],
  },
  {
    row: 58,
    id: 'uri-raw-kept',
    source: '9110 7.7',
    cases: (draw) => {
      const [a, b] = [draw.word(), draw.word()];
      const targets = [
        `/${a}%2F${b}/..%2fc?x=%20`,
        `/${a}//${b}/./;p=1,2/%7E~?${b}=%zz&%00`,
        `/${a}'"()*|^\`{}[]<>\\?/?&&=`,
        `/%${draw.pick(['41', 'c3%a4', 'ff'])}${a}`,
      ];
      return targets.map((text, index) => ({
        name: `${index}`,
        client: get(text),
        expect: [served, originLine('GET', text)],
      }));
    },
  },
  {
    row: 67,
    id: 'fwd-host-port',
    source: '9110 7.2',
    cases: (draw) => {
      const authority = `a.test:${1 + draw.below(65535)}`;
      return [{ client: host(authority), expect: [served, originField('host', [authority])] }];
    },
  },
  {
    row: 68,
    id: 'fwd-absolute-https',
    source: '9112 3.2.2',
    cases: () => [
      {
        client: message('GET https://a.test/ HTTP/1.1', ['Host: a.test', 'X-Forwarded-Proto: https']),
        expect: [
          either(
            all(served, originField('host', ['a.test']), originField('x-forwarded-proto', ['http'])),
            statusIn(400, 421),
          ),
        ],
      },
    ],
  },
  {
    row: 69,
    id: 'fwd-absolute-userinfo',
    source: '9110 4.2.4',
    cases: (draw) => {
      const secret = `${draw.word()}secret${draw.word()}`;
      return [
        {
          client: message(`GET http://u:${secret}@a.test/ HTTP/1.1`, ['Host: a.test']) + get(`/after${secret}`),
          ends: true,
          expect: [
            rejected(400),
            async (seen) =>
              (await seen.log('"GET /').then((lines) => lines.join(''))).includes(secret) ? 'it was logged' : '',
          ],
        },
      ];
    },
  },
  {
    row: 70,
    id: 'fwd-absolute-emptypath',
    source: '9112 3.2.4',
    decision:
      'To its clients the gateway is the origin server: `OPTIONS *` is about itself and answered here (9110 9.3.7, and Easegress does so); nothing goes upstream.',
    cases: (draw) => [
      {
        client: message(`OPTIONS ${draw.pick(['http', 'HTTP'])}://a.test HTTP/1.1`, ['Host: a.test']),
        expect: [served, originLine('OPTIONS', '*')],
      },
    ],
  },
  bad(71, 'host-userinfo', '9112 3.2', (word) => [host(`${word}@a.test`), host(`${word}:x@a.test`)]),
  bad(72, 'host-path', '9112 3.2', (word) => [host(`a.test/${word}`), host(`a.test?${word}`), host(`a.test#${word}`)]),
  bad(73, 'host-list', '9112 3.2', (word) => [host(`a, ${word}`), host(`a,${word}`), host(`a;${word}, b`)]),
  {
    row: 74,
    id: 'host-ipv6',
    source: '3986 3.2.2',
    cases: (draw) =>
      ['[::1]:80', '[::1]', `[2001:db8::${draw.below(9999)}]:8443`].map((value) => ({
        name: value,
        client: host(value),
        expect: [served, originField('host', [value])],
      })),
  },
  bad(75, 'host-ipv6-bad', '3986 3.2.2', (word) => [
    host('[::1'),
    host('[]'),
    host('::1'),
    host(`[::1]${word}`),
    host('[::g]'),
  ]),
  {
    row: 76,
    id: 'host-case',
    source: '3986 3.2.2',
    cases: (draw) => [
      { client: host(draw.pick(['B.TEST', 'b.Test', 'B.test'])), expect: [served, originField('x-route', ['b'])] },
    ],
  },
  {
    row: 77,
    id: 'host-trailing-dot',
    source: '3986 3.2.2',
    note: 'the same route as without the dot',
    cases: () => [{ client: host('b.test.'), expect: [served, originField('x-route', ['b'])] }],
  },
  bad(78, 'target-asterisk-get', '9112 3.2.4', () => [message('GET * HTTP/1.1', ['Host: a.test'])]),
  bad(79, 'target-space', '9112 3', (word) => [
    target(`/${word} b`),
    target(`/${word}  `),
    target(` /${word}`),
    `GET\t/${word} HTTP/1.1\r\nHost: a.test\r\n\r\n`,
  ]),
  bad(80, 'target-ctl', '9112 3', (word) => [
    target(`/${word}\x01`),
    target(`/\x7f${word}`),
    target(`/${word}\0`),
    target(`/${word}\x0b`),
    target(`/${word}\r`),
    target(`/\xe4${word}`),
  ]),
  bad(81, 'target-no-slash', '9112 3.2', (word) => [
    target(word),
    target(`?${word}`),
    target(`ftp://a.test/${word}`),
    target(`a.test:80`),
    target(`http:///${word}`),
  ]),
  {
    row: 82,
    id: 'target-dotdot',
    source: '3986 5.2.4',
    note: 'dot segments are ordinary text in the decision and upstream; `/admin` has a route of its own',
    cases: (draw) => {
      const word = draw.word();
      // What the router reads as /admin is decided there; what it does not goes upstream byte for byte.
      const spellings = [`/${word}/../admin`, `/${word}/%2e%2e/admin`, `/${word}/..;/admin`, '//admin', '/./admin'];
      return [
        ...spellings.map((text): Case => ({
          name: text,
          client: get(text),
          expect: [served, originLine('GET', text)],
        })),
        ...['/admin', '/%61dmin', '/admin/../x'].map((text): Case => ({
          name: text,
          client: get(text),
          expect: [answered(200), untouched],
        })),
        { name: 'backslash', client: get('\\\\admin'), ends: true, expect: [rejected(400)] },
      ];
    },
  },
  {
    row: 154,
    id: 'lb-host-rewrite',
    source: '9110 7.2',
    cases: (draw) => {
      const authority = `${draw.word()}.test:${1 + draw.below(65535)}`;
      const to = (path: string): string => message(`GET ${path} HTTP/1.1`, [`Host: ${authority}`]);
      return [
        {
          name: 'the host of the server',
          client: to('/named'),
          expect: [
            served,
            originLacks(`\r\nHost: ${authority}`),
            originField('x-forwarded-host', [authority]),
            ({ origin }) =>
              /\r\nHost: 127\.0\.0\.1:\d+\r\n/.test(origin.connections[0]?.text ?? '') ? '' : 'another Host',
          ],
        },
        {
          name: 'the host of the client',
          client: to('/kept'),
          expect: [served, originField('host', [authority]), originField('x-forwarded-host', [authority])],
        },
      ];
    },
  },
  {
    row: 155,
    id: 'redirect-rewrite',
    source: '9110 10.2.2',
    cases: (draw) => {
      const location = `http://10.0.0.${draw.below(255)}:8080/${draw.word()}`;
      return [
        {
          client: get('/'),
          origin: (side) => side.send(message('HTTP/1.1 302 Found', [`Location: ${location}`, 'Content-Length: 0'])),
          expect: [answered(302), answerField('location', [location])],
        },
      ];
    },
  },
];
