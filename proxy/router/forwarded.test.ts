import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { type Hop, writeForwarded } from './forwarded.ts';
import { noTrust } from './real-ip.ts';

const trusted = new CidrSet(['10.0.0.0/8', 'fd00::/8']);
const client: Hop = { peer: '203.0.113.9', scheme: 'http', host: 'a.test' };
const proxy: Hop = { ...client, peer: '10.0.0.7' };

type Fields = readonly (readonly [name: string, value: string])[];

function written(hop: Hop, fields: Fields, networks = trusted): string[] {
  const headers = HeaderList.of(...fields);
  writeForwarded(headers, hop, networks);
  return headers.names.map((name, i) => `${name}: ${headers.values[i]}`);
}

const ofClient = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: a.test',
  'Forwarded: for=203.0.113.9;proto=http;host=a.test',
];

describe('of an untrusted client', () => {
  it.each<[string, Fields]>([
    ['the fields are written', []],
    [
      'what it says about itself is replaced',
      [
        ['X-Forwarded-For', '1.1.1.1'],
        ['x-forwarded-for', '2.2.2.2'],
      ],
    ],
    [
      'in any case and however often',
      [
        ['FORWARDED', 'for=1.1.1.1'],
        ['x-real-IP', '1.1.1.1'],
        ['X-FORWARDED-proto', 'https'],
      ],
    ],
    [
      'also what nobody writes here',
      [
        ['X-Forwarded-Port', '443'],
        ['X-Forwarded-Prefix', '/x'],
        ['x-forwarded-ssl', 'on'],
      ],
    ],
  ])('%s', (_, fields) => {
    expect(written(client, fields)).toEqual(ofClient);
    expect(written(proxy, fields, noTrust)[0]).toBe('X-Forwarded-For: 10.0.0.7');
  });

  it('all other fields stay, in their order', () => {
    const others: Fields = [
      ['Accept', '*/*'],
      ['X_Forwarded_For', '1'],
      ['X-Forwarded', '2'],
      ['Forwardes', '3'],
      ['Accept', 'a'],
    ];
    const [first, ...rest] = others;
    const seen = written(client, [first as Fields[number], ['X-Forwarded-Host', 'evil.test'], ...rest]);
    expect(seen).toEqual([...others.map(([name, value]) => `${name}: ${value}`), ...ofClient]);
  });
});

describe('of a trusted proxy', () => {
  it.each<[string, Fields, string[]]>([
    [
      'the fields are written when there are none',
      [],
      [
        'X-Forwarded-For: 10.0.0.7',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: a.test',
        'Forwarded: for=10.0.0.7;proto=http;host=a.test',
      ],
    ],
    [
      'its own are added to',
      [
        ['X-Forwarded-For', '8.8.8.8'],
        ['X-Forwarded-For', '9.9.9.9'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'b.test'],
        ['Forwarded', 'for=8.8.8.8;proto=https'],
      ],
      [
        'X-Forwarded-For: 8.8.8.8, 9.9.9.9, 10.0.0.7',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: b.test',
        'Forwarded: for=8.8.8.8;proto=https, for=10.0.0.7;proto=http;host=a.test',
      ],
    ],
    [
      'who speaks the older one is put into the words of the newer',
      [['X-Forwarded-For', '8.8.8.8, 2001:db8::1, _x']],
      [
        'X-Forwarded-For: 8.8.8.8, 2001:db8::1, _x, 10.0.0.7',
        'X-Forwarded-Proto: http',
        'X-Forwarded-Host: a.test',
        'Forwarded: for=8.8.8.8, for="[2001:db8::1]", for=unknown, for=10.0.0.7;proto=http;host=a.test',
      ],
    ],
  ])('%s', (_, fields, expected) => {
    expect(written(proxy, fields)).toEqual(expected);
  });
});

describe('Forwarded quotes what is no token', () => {
  it.each<[string, Partial<Hop>, string]>([
    ['an IPv6 address', { peer: '2001:db8::1' }, 'for="[2001:db8::1]";proto=http;host=a.test'],
    ['a host with a port', { host: 'a.test:8080' }, 'for=203.0.113.9;proto=http;host="a.test:8080"'],
    ['an IPv6 host', { host: '[::1]' }, 'for=203.0.113.9;proto=http;host="[::1]"'],
    [
      'a host with what would end a parameter',
      { host: 'a;proto=https' },
      'for=203.0.113.9;proto=http;host="a;proto=https"',
    ],
    ['no host', { host: '', scheme: 'https' }, 'for=203.0.113.9;proto=https'],
  ])('%s', (_, change, expected) => {
    expect(written({ ...client, ...change }, []).at(-1)).toBe(`Forwarded: ${expected}`);
  });
});
