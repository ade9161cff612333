// Expect and interim answers: rows 34 to 39, 113, 156.

import {
  answered,
  clientLacks,
  interims,
  originBody,
  originField,
  originGot,
  rejected,
  served,
} from '../expectations.ts';
import type { Case, Row } from '../row.ts';
import type { Draw } from '../draw.ts';
import { get, message, post } from './requests.ts';

const expecting = (path: string, length: number, version = 'HTTP/1.1'): string =>
  message(`POST ${path} ${version}`, ['Host: a.test', 'Expect: 100-continue', `Content-Length: ${length}`]);

const earlyHints = (draw: Draw, version = 'HTTP/1.1'): { readonly link: string; readonly request: string } => ({
  link: `</${draw.word()}.css>; rel=preload`,
  request: message(`GET ${draw.path()} ${version}`, ['Host: a.test']),
});

export const interim: readonly Row[] = [
  {
    row: 34,
    id: 'expect-100',
    source: '9110 10.1.1',
    cases: (draw) => {
      const body = draw.body();
      return [
        {
          client: async (client) => {
            await client.send(expecting(draw.path(), body.length));
            await client.received('\r\n\r\n');
            if (!client.text.startsWith('HTTP/1.1 100 Continue\r\n')) return;
            await client.send(body);
          },
          expect: [served, interims(100), originBody(body), originField('expect', [])],
        },
        {
          name: 'the body comes unasked',
          client: expecting(draw.path(), body.length) + body,
          expect: [served, originBody(body)],
        },
      ];
    },
  },
  {
    row: 35,
    id: 'expect-100-final-417',
    source: '9110 10.1.1',
    cases: (draw) => [
      {
        client: expecting(draw.path(), 1 + draw.below(90)),
        early: (side) => void side.send(message('HTTP/1.1 417 Expectation Failed', ['Content-Length: 0'])),
        unjudged: true,
        expect: [answered(417)],
      },
    ],
  },
  {
    row: 36,
    id: 'expect-100-http10-no100',
    source: '9110 10.1.1',
    cases: (draw) => {
      const body = draw.body();
      return [
        {
          client: expecting(draw.path(), body.length, 'HTTP/1.0') + body,
          ends: true,
          expect: [served, interims(), originBody(body)],
        },
      ];
    },
  },
  {
    row: 37,
    id: '103-forwarded',
    source: '9110 15.2',
    cases: (draw) => {
      const { link, request } = earlyHints(draw);
      return [
        {
          client: request,
          origin: (side) => side.send(message('HTTP/1.1 103 Early Hints', [`Link: ${link}`])).answer(),
          expect: [
            served,
            interims(103),
            ({ client }) => (client.interim[0]?.fields.some(([, value]) => value === link) ? '' : 'no Link in the 103'),
          ],
        },
      ];
    },
  },
  {
    row: 38,
    id: '1xx-not-to-http10',
    source: '9110 15.2',
    cases: (draw) => {
      const { link, request } = earlyHints(draw, 'HTTP/1.0');
      return [
        {
          client: request,
          origin: (side) => side.send(message('HTTP/1.1 103 Early Hints', [`Link: ${link}`])).answer(),
          ends: true,
          expect: [served, interims(), clientLacks(link)],
        },
      ];
    },
  },
  {
    row: 39,
    id: 'unknown-1xx',
    source: '9110 15.2',
    cases: (draw) => {
      const status = 104 + draw.below(95);
      return [
        {
          client: get(draw.path()),
          origin: (side) => side.send(message(`HTTP/1.1 ${status} Odd`, [])).answer(),
          expect: [served],
        },
        {
          name: 'and a 100 that nobody asked for',
          client: get(draw.path()),
          origin: (side) => side.send('HTTP/1.1 100 Continue\r\n\r\n').answer(),
          expect: [served],
        },
      ];
    },
  },
  {
    row: 113,
    id: 'origin-101-unasked',
    source: '9110 7.8',
    cases: (draw) =>
      [get(draw.path()), post(draw.path(), ['Upgrade: websocket', 'Connection: upgrade', 'Content-Length: 0'], '')].map(
        (client, index): Case => ({
          name: `${index}`,
          client,
          origin: (side) =>
            side.send(message('HTTP/1.1 101 Switching Protocols', ['Connection: upgrade', `Upgrade: ${draw.word()}`])),
          expect: index === 0 ? [answered(502), clientLacks('101 Switching')] : [clientLacks('101 Switching')],
        }),
      ),
  },
  {
    row: 156,
    id: 'expect-unknown',
    source: '9110 10.1.1',
    cases: (draw) => [
      { client: get('/', `Expect: ${draw.word()}`), ends: true, expect: [rejected(417)] },
      {
        name: 'and another',
        client: get('/', `Expect: 100-continue, ${draw.word()}`),
        ends: true,
        expect: [rejected(417)],
      },
      { name: 'without a body', client: get('/', 'Expect: 100-continue'), expect: [originGot(1), interims()] },
    ],
  },
];
