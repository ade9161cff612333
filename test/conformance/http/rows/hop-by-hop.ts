// What belongs to one connection stays there: rows 1 to 9.

import { answerField, originField, originLacks, all, served } from '../expectations.ts';
import type { Row } from '../row.ts';
import { get } from './requests.ts';

export const hopByHop: readonly Row[] = [
  {
    row: 1,
    id: 'hop-connection-listed',
    source: '9110 7.6.1',
    cases: (draw) => {
      const [name, other, kept] = [draw.name(), draw.name(), draw.name()];
      const value = draw.value();
      return [
        {
          client: get('/', `${draw.cased('Connection')}: ${name}`, `${name}: ${draw.value()}`, `${kept}k: ${value}`),
          expect: [served, originField(name, []), originField(`${kept}k`, [value]), originLacks('\r\nconnection:')],
        },
        {
          name: 'several, in lists and lines, before and behind',
          client: get(
            '/',
            `${other}: 1`,
            `Connection: keep-alive ,\t${name.toUpperCase()},, ${draw.word()}`,
            `Connection: ${other}`,
            `${name}: 2`,
          ),
          expect: [served, originField(name, []), originField(other, [])],
        },
      ];
    },
  },
  {
    row: 2,
    id: 'hop-keep-alive',
    source: '9110 7.6.1',
    cases: (draw) => [
      {
        client: get('/', `${draw.cased('Keep-Alive')}: timeout=${draw.below(90)}`, 'Connection: keep-alive'),
        expect: [served, originField('keep-alive', [])],
      },
    ],
  },
  {
    row: 3,
    id: 'hop-proxy-connection',
    source: '9110 7.6.1',
    cases: (draw) => [
      {
        client: get('/', `${draw.cased('Proxy-Connection')}: ${draw.pick(['keep-alive', 'close', draw.word()])}`),
        expect: [served, originField('proxy-connection', [])],
      },
    ],
  },
  {
    row: 4,
    id: 'hop-te',
    source: '9110 10.1.4',
    cases: (draw) => [
      {
        client: get('/', `${draw.cased('TE')}: trailers, ${draw.pick(['gzip', 'deflate;q=0.5'])}`, 'Connection: te'),
        expect: [served, originLacks('gzip', 'deflate', '\r\nconnection:')],
      },
    ],
  },
  {
    row: 5,
    id: 'hop-upgrade-unsolicited',
    source: '9110 7.8',
    cases: (draw) => [
      {
        client: get('/', `${draw.cased('Upgrade')}: ${draw.word()}/1`),
        expect: [served, originField('upgrade', []), originField('connection', [])],
      },
    ],
  },
  {
    row: 6,
    id: 'resp-hop-connection-listed',
    source: '9110 7.6.1',
    cases: (draw) => {
      const [name, kept] = [draw.name(), `${draw.name()}k`];
      const value = draw.value();
      return [
        {
          client: get('/'),
          origin: (side) =>
            side.answer('ok', `${draw.cased('Connection')}: ${name}`, `${name}: 1`, `${kept}: ${value}`),
          expect: [served, answerField(name, []), answerField(kept, [value])],
        },
      ];
    },
  },
  {
    row: 7,
    id: 'resp-keep-alive-hdr',
    source: '9110 7.6.1',
    cases: (draw) => [
      {
        client: get('/'),
        origin: (side) => side.answer('ok', `${draw.cased('Keep-Alive')}: timeout=${draw.below(90)}`),
        expect: [served, answerField('keep-alive', [])],
      },
    ],
  },
  {
    row: 8,
    id: 'via-request',
    source: '9110 7.6.3',
    cases: (draw) => {
      const before = `1.1 ${draw.word()}`;
      return [
        { client: get('/'), expect: [served, originField('via', ['1.1 easegress'])] },
        {
          name: 'behind what is there',
          client: get('/', `Via: ${before}`),
          expect: [served, originField('via', [before, '1.1 easegress'])],
        },
      ];
    },
  },
  {
    row: 9,
    id: 'via-response',
    source: '9110 7.6.3',
    cases: (draw) => {
      const before = `1.1 ${draw.word()}`;
      return [
        {
          client: get('/'),
          origin: (side) => side.answer('ok', `Via: ${before}`),
          expect: [all(served, answerField('via', [before, '1.1 easegress']))],
        },
      ];
    },
  },
];
