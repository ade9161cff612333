// What a balancer says about its client in front of the first request: row 124.

import { closed, originField, originGot, served, untouched } from '../expectations.ts';
import type { Case, Row } from '../row.ts';
import { relayAddress } from '../row.ts';
import { get } from './requests.ts';

const v4 = '\xc0\x00\x02\x07\x0a\x00\x00\x01\x1f\x90\x00\x50';
const v6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07${'\0'.repeat(15)}\x01\x1f\x90\x00\x50`;

function block(verb: number, family: number, body: string): string {
  return `\r\n\r\n\0\r\nQUIT\n${String.fromCharCode(verb, family, body.length >> 8, body.length & 255)}${body}`;
}

/** The address is the client's for whoever asks: the origin sees it in X-Forwarded-For. */
function used(name: string, header: string, address: string, target: string): Case {
  return {
    name,
    client: header + get(target),
    from: relayAddress,
    expect: [served, originGot(1), originField('x-forwarded-for', [address])],
  };
}

function refused(name: string, bytes: string): Case {
  return {
    name,
    client: bytes,
    from: relayAddress,
    ends: true,
    expect: [closed, untouched, ({ client }) => (client.text === '' ? '' : 'it was answered')],
  };
}

export const proxyProtocol: readonly Row[] = [
  {
    row: 124,
    id: 'proxy-protocol',
    source: 'PROXY v1/v2',
    cases: (draw) => {
      const target = draw.path();
      return [
        used('version 1', 'PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n', '192.0.2.7', target),
        used('version 1, IPv6', 'PROXY TCP6 2001:db8:0:0::7 ::1 8080 80\r\n', '2001:db8::7', target),
        used('version 1, unknown', 'PROXY UNKNOWN\r\n', relayAddress, target),
        used('version 2', block(0x21, 0x11, v4), '192.0.2.7', target),
        used('version 2, IPv6', block(0x21, 0x21, v6), '2001:db8::7', target),
        used('version 2, TLV', block(0x21, 0x11, `${v4}\x02\x00\x06a.test\x04\x00\x01\0`), '192.0.2.7', target),
        used('version 2, LOCAL', block(0x20, 0x00, ''), relayAddress, target),
        refused('absent', get(target)),
        refused('a port that is none', `PROXY TCP4 192.0.2.7 10.0.0.1 70000 80\r\n${get(target)}`),
        refused('longer than a line may be', `PROXY UNKNOWN ${'x'.repeat(120)}\r\n${get(target)}`),
        refused('addresses that are cut short', block(0x21, 0x11, v4.slice(2)) + get(target)),
        refused('a TLV beyond its end', block(0x21, 0x11, `${v4}\x04\x00\x09ab`) + get(target)),
        {
          name: 'truncated',
          client: async (client) => {
            await client.send(block(0x21, 0x11, v4).slice(0, 20));
            client.end();
          },
          from: relayAddress,
          ends: true,
          expect: [closed, untouched],
        },
        {
          name: 'of somebody who is not trusted',
          client: `PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n${get(target)}`,
          ends: true,
          expect: [closed, untouched],
        },
      ];
    },
  },
];
