import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { noTrust, realIp } from './real-ip.ts';

const trusted = new CidrSet(['10.0.0.0/8']);
const proxy = '10.0.0.7';
const client = '203.0.113.9';

function headersOf(fields: Record<string, string | string[]>): HeaderList {
  return HeaderList.of(
    ...Object.entries(fields).flatMap(([name, values]) => [values].flat().map((value) => [name, value] as const)),
  );
}

describe('the real address', () => {
  it.each<[string, Record<string, string | string[]>, string, CidrSet, string]>([
    ['nobody is trusted by default', { 'X-Forwarded-For': '8.8.8.8', 'X-Real-Ip': '8.8.4.4' }, proxy, noTrust, proxy],
    [
      'an untrusted peer is not believed',
      { 'X-Forwarded-For': '8.8.8.8', 'X-Real-Ip': '8.8.4.4' },
      client,
      trusted,
      client,
    ],
    ['no headers: the peer', {}, proxy, trusted, proxy],
    [
      'what the trusted peer appended',
      { 'X-Forwarded-For': '192.168.0.1, 8.8.8.8, 9.9.9.9' },
      proxy,
      trusted,
      '9.9.9.9',
    ],
    ['past trusted proxies', { 'X-Forwarded-For': '1.1.1.1, 8.8.8.8, 10.0.0.3,10.9.9.9' }, proxy, trusted, '8.8.8.8'],
    ['over several lines', { 'X-Forwarded-For': ['8.8.8.8', '192.168.0.1'] }, proxy, trusted, '192.168.0.1'],
    [
      'what a client wrote itself does not count',
      { 'X-Forwarded-For': '8.8.8.8,192.168.0.1' },
      proxy,
      trusted,
      '192.168.0.1',
    ],
    [
      'what is no address hides what stands left of it',
      { 'X-Forwarded-For': '8.8.8.8, _x, 10.0.0.3' },
      proxy,
      trusted,
      '10.0.0.3',
    ],
    ['an empty one says nothing', { 'X-Forwarded-For': '' }, proxy, trusted, proxy],
    ['a list that ends in a comma says nothing', { 'X-Forwarded-For': '8.8.8.8,' }, proxy, trusted, proxy],
    ['all are trusted: the farthest', { 'X-Forwarded-For': '10.0.0.1, 10.0.0.2' }, proxy, trusted, '10.0.0.1'],
    ['IPv6', { 'X-Forwarded-For': 'fd00::1, 2606:4700::1' }, proxy, trusted, '2606:4700::1'],
    ['mapped IPv4', { 'X-Forwarded-For': '::ffff:8.8.8.8' }, proxy, trusted, '8.8.8.8'],
    ['X-Real-Ip alone', { 'X-Real-Ip': ' 8.8.4.4 ' }, proxy, trusted, '8.8.4.4'],
    ['X-Real-Ip is no address: the peer', { 'X-Real-Ip': 'evil' }, proxy, trusted, proxy],
    ['a mapped peer is the IPv4 one', { 'X-Real-Ip': '8.8.4.4' }, '::ffff:10.0.0.7', trusted, '8.8.4.4'],
  ])('%s', (...[, fields, peer, set, expected]) => {
    expect(realIp({ headers: headersOf(fields) }, peer, set)).toBe(expected);
  });
});
