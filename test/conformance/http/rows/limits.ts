// Limits, time-outs and sides that leave: rows 83, 91, 92, 105 to 110, 158.

import {
  answerBody,
  answered,
  closed,
  either,
  originGot,
  refused,
  rejected,
  statusIn,
  unfinished,
  untouched,
} from '../expectations.ts';
import type { Expectation, Row } from '../row.ts';
import { get, message, post } from './requests.ts';

/** Nothing that the client did not wait for took long. */
const within =
  (least: number, most: number): Expectation =>
  ({ tookMs }) =>
    tookMs >= least && tookMs <= most ? '' : `it took ${Math.round(tookMs)} ms`;

export const limits: readonly Row[] = [
  {
    row: 83,
    id: 'target-long',
    source: '9110 15.5.15',
    cases: (draw) => [
      {
        client: get(`/${draw.word().repeat(16_384).slice(0, 16_384)}`),
        ends: true,
        whole: true,
        expect: [rejected(414)],
      },
      {
        name: 'a target of 8,000 bytes is fine',
        client: get(`/${'x'.repeat(8000)}`),
        whole: true,
        expect: [answered(200), originGot(1)],
      },
    ],
  },
  {
    row: 91,
    id: 'hdr-many',
    source: '6585 5',
    cases: (draw) => [
      {
        client: get('/', ...Array.from({ length: 2000 }, () => `${draw.name()}: 1`)),
        ends: true,
        whole: true,
        expect: [rejected(431)],
      },
    ],
  },
  {
    row: 92,
    id: 'hdr-large',
    source: '6585 5',
    cases: (draw) => [
      { client: get('/', `${draw.name()}: ${'x'.repeat(65_536)}`), ends: true, whole: true, expect: [rejected(431)] },
      {
        name: 'a name',
        client: get('/', `${'x'.repeat(65_536)}: 1`),
        ends: true,
        whole: true,
        expect: [rejected(431)],
      },
      {
        name: 'white space',
        client: get('/', `X:${' '.repeat(65_536)}1`),
        ends: true,
        whole: true,
        expect: [rejected(431)],
      },
    ],
  },
  {
    row: 105,
    id: 'early-response',
    source: '9112 9.3',
    cases: (draw) => {
      const reason = draw.word();
      const size = 10 * 1024 * 1024;
      return [
        {
          client: async (client) => {
            await client.send(post(draw.path(), [`Transfer-Encoding: chunked`], ''));
            const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
            for (let sent = 0; sent < size && !client.ended && !client.closed; sent += 65_536) await client.send(chunk);
          },
          early: (side) =>
            void side.send(message('HTTP/1.1 413 Payload Too Large', [`Content-Length: ${reason.length}`], reason)),
          ends: true,
          whole: true,
          unjudged: true,
          expect: [statusIn(413), answerBody(reason)],
        },
      ];
    },
  },
  {
    row: 106,
    id: 'incomplete-body',
    source: '9112 8',
    cases: (draw) =>
      [
        post(draw.path(), ['Content-Length: 10'], 'abc'),
        post(draw.path(), ['Transfer-Encoding: chunked'], '5\r\nab'),
        post(draw.path(), ['Transfer-Encoding: chunked'], '2\r\nab\r\n0\r\n'),
      ].flatMap((text, index) =>
        (['end', 'reset'] as const).map((how) => ({
          name: `${index} ${how}`,
          client: async (client) => {
            await client.send(text);
            await client.reached(1);
            client[how]();
            await client.origin((side) => side.ended || side.closed);
          },
          answers: 0,
          unjudged: true,
          expect: [unfinished],
        })),
      ),
  },
  {
    row: 107,
    id: 'client-abort',
    source: '9110 9.2.2',
    cases: (draw) => [
      {
        client: async (client) => {
          await client.send(get(draw.path()));
          await client.reached(1);
          client.reset();
          await client.origin((side) => side.ended || side.closed);
        },
        origin: () => {},
        answers: 0,
        expect: [
          within(0, 1000),
          ({ origin }) =>
            origin.connections.every((each) => each.ended || each.closed) ? '' : 'the origin was left waiting',
        ],
      },
    ],
  },
  {
    row: 108,
    id: 'idle-header-timeout',
    source: '9110 15.5.9',
    note: 'asked with a limit of 0.4 s; the default is 15 s',
    cases: (draw) => [
      {
        client: async (client) => {
          const drip = get('/', `${draw.name()}: ${'x'.repeat(500)}`);
          for (let at = 0; at < drip.length && !client.ended; at++) {
            await client.send(drip.slice(at, at + 1));
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        },
        world: 'hasty',
        ends: true,
        whole: true,
        expect: [refused(408), untouched, within(350, 2500)],
      },
      {
        name: 'a body that stops',
        client: post('/', ['Content-Length: 10'], 'abc'),
        world: 'hasty',
        ends: true,
        whole: true,
        unjudged: true,
        expect: [refused(408), unfinished, within(350, 2500)],
      },
    ],
  },
  {
    row: 109,
    id: 'keepalive-idle',
    source: '9112 9.5',
    note: 'asked with `keepAliveTimeout: 400ms`',
    cases: (draw) => [
      {
        client: get(draw.path()),
        world: 'hasty',
        ends: true,
        whole: true,
        expect: [answered(200), closed, within(350, 2500)],
      },
    ],
  },
  {
    row: 110,
    id: 'keepalive-race',
    source: '9112 9.3.1',
    cases: (draw) => {
      // The first answer leaves a kept connection, which dies under the second request.
      const dies =
        (method: string): Row['cases'] =>
        () => {
          const again = draw.path();
          let deaths = 0;
          return [
            {
              client: async (client) => {
                await client.send(get('/first'));
                await client.answered(1);
                await client.send(message(`${method} ${again} HTTP/1.1`, ['Host: a.test', 'Content-Length: 0']));
              },
              origin: (side, { start }) => {
                if (start[1] === again && deaths++ === 0) side.reset();
                else side.answer();
              },
              answers: 2,
              expect:
                method === 'POST'
                  ? [either(answered(200, 502), answered(200, 503)), originGot(2)]
                  : [answered(200, 200), originGot(3)],
            },
          ];
        };
      return ['GET', 'PUT', 'POST'].flatMap((method) => dies(method)(draw).map((one) => ({ ...one, name: method })));
    },
  },
  {
    row: 158,
    id: 'timeouts-map',
    source: '9110 15.6',
    decision:
      'Statuses are those of Easegress, whose users see them: no connection 503, no answer in time 408. Breaker and health checks come with resilience.',
    cases: (draw) => [
      { name: 'connection refused', client: get(`/nowhere/${draw.word()}`), whole: true, expect: [answered(502)] },
      {
        name: 'no answer in time',
        client: get(`/late/${draw.word()}`),
        origin: () => {},
        whole: true,
        expect: [answered(504)],
      },
    ],
  },
];
