// Where an answer ends, and what becomes of one that is broken: rows 40 to 50, 64 to 66.

import {
  all,
  answerBody,
  answered,
  answerField,
  answerFramed,
  brokenOff,
  clientLacks,
  closed,
  either,
  originGot,
  served,
  statusIn,
} from '../expectations.ts';
import type { Case, Row } from '../row.ts';
import { get, message, ok, post } from './requests.ts';

const get10 = (path: string): string => message(`GET ${path} HTTP/1.0`, ['Host: a.test']);
const chunkedField = 'Transfer-Encoding: chunked';

/** Answers that are refused: 502, nothing of them reaches the client, their connection is never used again. */
function refusedAnswers(answers: readonly string[], canary: string): Case[] {
  return answers.map((text, index) => ({
    name: `${index}`,
    client: get('/'),
    origin: (side) => void side.send(text),
    expect: [
      answered(502),
      clientLacks(canary),
      ({ origin }) => (origin.connections.every((each) => each.ended || each.closed) ? '' : 'the connection is kept'),
    ],
  }));
}

export const responseFraming: readonly Row[] = [
  {
    row: 40,
    id: 'head-no-body',
    source: '9110 9.3.2',
    cases: (draw) => {
      const body = draw.body();
      const path = draw.path();
      return [
        {
          client: message(`HEAD ${path} HTTP/1.1`, ['Host: a.test']) + get(path),
          origin: (side, { start }) =>
            void side.send(ok([`Content-Length: ${body.length}`], start[0] === 'HEAD' ? '' : body)),
          answers: 2,
          heads: [0],
          expect: [answered(200, 200), answerField('content-length', [`${body.length}`]), answerBody(body, 1)],
        },
      ];
    },
  },
  {
    row: 41,
    id: '204-no-cl-te',
    source: '9110 15.3.5, 9112 6.1',
    cases: (draw) =>
      [[], ['Content-Length: 0'], ['Content-Length: 5'], [chunkedField]].map((fields, index) => ({
        name: `${index}`,
        client: get(draw.path()) + get(draw.path()),
        origin: (side) => void side.send(message('HTTP/1.1 204 No Content', fields)),
        answers: 2,
        expect: [
          answered(204, 204),
          answerField('transfer-encoding', []),
          ({ client }) => (/content-length: *[1-9]/i.test(client.text) ? 'a length' : ''),
        ],
      })),
  },
  {
    row: 42,
    id: '304-keeps-cl',
    source: '9110 15.4.5',
    cases: (draw) => {
      const length = 1000 + draw.below(1000);
      return [
        {
          client: get('/one') + get('/two'),
          origin: (side, { start }) => {
            if (start[1] === '/two') side.answer('after');
            else
              side.send(message('HTTP/1.1 304 Not Modified', [`Content-Length: ${length}`, `ETag: "${draw.word()}"`]));
          },
          answers: 2,
          expect: [
            answered(304, 200),
            answerBody('after', 1),
            either(answerField('content-length', [`${length}`]), answerField('content-length', [])),
          ],
        },
      ];
    },
  },
  {
    row: 43,
    id: 'resp-chunked-trailers',
    source: '9110 6.5',
    cases: (draw) => {
      const [name, value, body] = [draw.name(), draw.value(), draw.body()];
      return [
        {
          client: get('/', 'TE: trailers', 'Connection: TE'),
          origin: (side) =>
            side.send(ok([chunkedField, `Trailer: ${name}`], draw.chunked(body, `${name}: ${value}\r\n`))),
          expect: [
            served,
            answerBody(body),
            ({ client }) => {
              const [trailer] = client.answers[0]?.trailers ?? [];
              return trailer?.[0] === name && trailer[1] === value ? '' : `the trailer is ${JSON.stringify(trailer)}`;
            },
          ],
        },
      ];
    },
  },
  {
    row: 44,
    id: 'resp-chunked-to-http10',
    source: '9112 6.1',
    cases: (draw) => {
      const body = draw.body();
      return [
        {
          client: get10(draw.path()),
          origin: (side) => void side.send(ok([chunkedField], draw.chunked(body))),
          ends: true,
          expect: [answered(200), answerField('transfer-encoding', []), answerBody(body), closed],
        },
      ];
    },
  },
  {
    row: 45,
    id: 'resp-truncated-cl',
    source: '9112 8',
    cases: (draw) => [
      {
        client: get(draw.path()),
        origin: (side) => void side.send(ok(['Content-Length: 10'], draw.word().slice(0, 3))).end(),
        ends: true,
        expect: [brokenOff],
      },
      {
        name: 'by a reset',
        client: get(draw.path()),
        origin: (side) => side.send(ok(['Content-Length: 10'], 'abc')).reset(),
        ends: true,
        expect: [brokenOff],
      },
    ],
  },
  {
    row: 46,
    id: 'resp-truncated-chunked',
    source: '9112 8',
    cases: (draw) =>
      [
        `a\r\n${draw.word().slice(0, 3)}`,
        '3\r\nabc\r\n',
        '3\r\nabc\r\n0\r\n',
        '3\r\nabc\r\n0\r\nX: 1\r\n',
        '3\r\nab',
      ].map((body, index) => ({
        name: `${index}`,
        client: get(draw.path()),
        origin: (side) => void side.send(ok([chunkedField], body)).end(),
        ends: true,
        expect: [brokenOff, clientLacks('\r\n0\r\n\r\n')],
      })),
  },
  {
    row: 47,
    id: 'resp-te-cl-both',
    source: '9112 6.3',
    cases: (draw) => {
      const body = draw.word();
      return [
        {
          client: get(draw.path()),
          origin: (side) => void side.send(ok([`Content-Length: ${draw.below(9)}`, chunkedField], draw.chunked(body))),
          expect: [either(answered(502), all(answered(200), answerBody(body)))],
        },
      ];
    },
  },
  {
    row: 48,
    id: 'resp-cl-dup-diff',
    source: '9112 6.3',
    cases: (draw) => {
      const canary = draw.word();
      const size = canary.length;
      return refusedAnswers(
        [
          ok([`Content-Length: ${size}`, `Content-Length: ${size + 1}`], canary),
          ok([`Content-Length: ${size}, ${size + 1}`], canary),
          ok([`Content-Length: +${size}`], canary),
        ],
        canary,
      );
    },
  },
  {
    row: 49,
    id: 'resp-sp-colon',
    source: '9112 5.1',
    cases: (draw) => {
      const value = draw.word();
      return refusedAnswers([ok([`${draw.name()} : ${value}`, 'Content-Length: 2'], 'ok')], value);
    },
  },
  {
    row: 50,
    id: 'resp-obs-fold',
    source: '9112 5.2',
    cases: (draw) => {
      const value = draw.word();
      return refusedAnswers([ok([`${draw.name()}: ${value}\r\n ${draw.word()}`, 'Content-Length: 2'], 'ok')], value);
    },
  },
  {
    row: 64,
    id: 'origin-garbage-502',
    source: '9110 15.6.3',
    cases: (draw) => {
      const word = draw.word();
      return refusedAnswers(
        [
          `${word}\r\n\r\n`,
          `HTTP/1.1 2${word} OK\r\n\r\n`,
          `HTTP/2.0 200 ${word}\r\n\r\n`,
          `HTTP/1.1 200 OK\nX: ${word}\n\n`,
          `HTTP/1.1 200 OK\r\n${word}\r\n\r\n`,
          `HTTP/1.1 99 ${word}\r\n\r\n`,
          `\x16\x03\x01${word}\r\n\r\n`,
        ],
        word,
      );
    },
  },
  {
    row: 65,
    id: 'origin-close-502',
    source: '9110 15.6.3',
    cases: (draw) => [
      { client: get(draw.path()), origin: (side) => void side.end(), expect: [statusIn(502, 503)] },
      { name: 'by a reset', client: get(draw.path()), origin: (side) => side.reset(), expect: [statusIn(502, 503)] },
    ],
  },
  {
    row: 66,
    id: 'post-not-retried',
    source: '9110 9.2.2',
    cases: (draw) => {
      const body = draw.body();
      return [
        {
          client: post(draw.path(), [`Content-Length: ${body.length}`], body),
          origin: (side) => void side.end(),
          expect: [statusIn(502, 503), originGot(1)],
        },
        {
          name: 'by a reset',
          client: post(draw.path(), ['Transfer-Encoding: chunked'], draw.chunked(body)),
          origin: (side) => side.reset(),
          expect: [statusIn(502, 503), originGot(1)],
        },
      ];
    },
  },
  {
    row: 126,
    id: 'server-kept',
    source: '9110 10.2.4',
    cases: (draw) => {
      const value = `${draw.word()}/1.0`;
      return [
        {
          client: get(draw.path()),
          origin: (side) => void side.answer('ok', `Server: ${value}`),
          expect: [answered(200), answerField('server', [value]), answerFramed('length')],
        },
      ];
    },
  },
];
