// Upgrades: rows 62, 114 to 118. The tunnel is transparent: what the gateway does not speak it does not judge.

import {
  answerBody,
  answered,
  answerField,
  either,
  all,
  originBody,
  originField,
  originLacks,
  originLine,
  served,
} from '../expectations.ts';
import type { Draw } from '../draw.ts';
import type { Row } from '../row.ts';
import { get, message, post } from './requests.ts';

const switching = message('HTTP/1.1 101 Switching Protocols', [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
]);

function upgrade(draw: Draw, path: string, version = '13'): string {
  return get(
    path,
    `Connection: ${draw.pick(['Upgrade', 'upgrade', 'keep-alive, Upgrade'])}`,
    `Upgrade: ${draw.pick(['websocket', 'WebSocket'])}`,
    `Sec-WebSocket-Version: ${version}`,
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
}

export const tunnels: readonly Row[] = [
  {
    row: 62,
    id: 'ws-upgrade-tunnel',
    source: '9110 7.8',
    cases: (draw) => {
      const [up, down] = [draw.body(), draw.body()];
      return [
        {
          client: async (client) => {
            await client.send(upgrade(draw, draw.path()));
            await client.received(down);
            await client.send(up);
            await client.origin(({ text }) => text.endsWith(`\r\n\r\n${up}`));
          },
          origin: (side) => void side.send(switching + down),
          unjudged: true,
          expect: [
            answered(101),
            answerField('upgrade', ['websocket']),
            answerField('connection', ['upgrade']),
            ({ client }) => (client.text.endsWith(`\r\n\r\n${down}`) ? '' : 'the bytes of the origin are not there'),
            ({ origin }) =>
              origin.connections[0]?.text.endsWith(`\r\n\r\n${up}`) ? '' : 'the bytes of the client are not there',
          ],
        },
      ];
    },
  },
  {
    row: 114,
    id: 'h2c-upgrade',
    source: '9113 3.1',
    cases: (draw) =>
      [draw.pick(['h2c', 'H2C']), 'websocket, h2c', 'h2c,foo', ' h2c '].map((value) => ({
        name: value,
        client: get(
          draw.path(),
          'Connection: Upgrade, HTTP2-Settings',
          `Upgrade: ${value}`,
          'HTTP2-Settings: AAMAAABkAAQAAP__',
        ),
        expect: [
          served,
          originField('upgrade', []),
          originField('http2-settings', []),
          originField('connection', []),
          originLacks('h2c'),
        ],
      })),
  },
  {
    row: 115,
    id: 'ws-bad-version',
    source: '6455 4.4',
    note: 'the tunnel is transparent: the origin refuses',
    cases: (draw) => [
      {
        client: upgrade(draw, draw.path(), '12'),
        origin: (side) =>
          void side.send(message('HTTP/1.1 426 Upgrade Required', ['Sec-WebSocket-Version: 13', 'Content-Length: 0'])),
        expect: [
          answered(426),
          answerField('sec-websocket-version', ['13']),
          originField('sec-websocket-version', ['12']),
        ],
      },
    ],
  },
  {
    row: 116,
    id: 'ws-post',
    source: '6455 4.1',
    cases: (draw) => {
      const path = draw.path();
      return [
        {
          client: post(path, ['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 2'], 'ok'),
          expect: [served, originLine('POST', path), originBody('ok'), originField('upgrade', [])],
        },
      ];
    },
  },
  {
    row: 117,
    id: 'ws-early-data',
    source: '9110 7.8',
    cases: (draw) => {
      // Looks like a request, and is none.
      const early = get(`/early/${draw.word()}`);
      return [
        {
          client: async (client) => {
            await client.send(upgrade(draw, draw.path()) + early);
            await client.origin(({ text }) => text.endsWith(early));
          },
          early: (side) => void side.send(switching),
          unjudged: true,
          expect: [
            answered(101),
            ({ origin }) =>
              origin.connections.length === 1 && origin.connections[0]?.text.endsWith(`\r\n\r\n${early}`)
                ? ''
                : 'the early bytes did not go through the tunnel',
            ({ origin }) =>
              origin.connections[0]?.text.endsWith(`\r\nHost: a.test\r\n\r\n`) ? '' : 'they were changed',
          ],
        },
      ];
    },
  },
  {
    row: 118,
    id: 'ws-origin-refuses',
    source: '6455 4.2',
    cases: (draw) => {
      const body = draw.body();
      return [
        {
          client: async (client) => {
            await client.send(upgrade(draw, draw.path()));
            await client.answered(1);
            if (!client.ended) await client.send(get('/next'));
          },
          origin: (side, { start }) => {
            if (start[1] === '/next') side.answer('next');
            else side.send(message('HTTP/1.1 403 Forbidden', [`Content-Length: ${body.length}`], body));
          },
          answers: 2,
          // What follows a request for an upgrade is read by what was answered.
          unjudged: true,
          expect: [answerBody(body), either(all(answered(403, 200), answerBody('next', 1)), answered(403))],
        },
      ];
    },
  },
];
