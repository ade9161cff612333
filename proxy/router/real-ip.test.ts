import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { noTrust, realIp, writeForwarded } from './real-ip.ts';

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

describe('X-Forwarded-For', () => {
  it.each<[string, string[], string, string, string[]]>([
    ['absent: set', [], client, client, [client]],
    ['present: appended', ['8.8.8.8'], client, client, [`8.8.8.8,${client}`]],
    ['several lines become one', ['8.8.8.8', '9.9.9.9'], client, client, [`8.8.8.8,9.9.9.9,${client}`]],
    ['already last: left alone', [`8.8.8.8, ${client}`], client, client, [`8.8.8.8, ${client}`]],
    ['another spelling of the address is the same', ['::ffff:203.0.113.9'], client, client, ['::ffff:203.0.113.9']],
    // Easegress looks for the text, finds 1.2.3.4 in 11.2.3.40 and leaves the address out.
    [
      'an address that contains it as text is another one',
      ['1203.0.113.90', '203.0.113.90'],
      client,
      client,
      [`1203.0.113.90,203.0.113.90,${client}`],
    ],
    [
      'an untrusted client cannot hide behind its own address',
      [`${client}, 8.8.8.8`],
      client,
      client,
      [`${client}, 8.8.8.8,${client}`],
    ],
    ['behind a trusted proxy: already there', ['8.8.8.8, 10.0.0.3'], proxy, '8.8.8.8', ['8.8.8.8, 10.0.0.3']],
    ['behind a trusted proxy: not there yet', ['10.0.0.3'], proxy, '8.8.8.8', ['10.0.0.3,8.8.8.8']],
    ['an empty one is set', [''], client, client, [client]],
  ])('%s', (...[, before, peer, address, expected]) => {
    const headers = headersOf({ 'X-Forwarded-For': before });
    writeForwarded(
      headers,
      { peer, scheme: 'http', host: 'a.test', realIp: address },
      { xForwardedFor: true, trusted },
    );
    expect(headers.getAll('x-forwarded-for')).toEqual(expected);
  });

  it('is left as it is when the owner does not ask for it', () => {
    const headers = headersOf({ 'X-Forwarded-For': '8.8.8.8' });
    writeForwarded(
      headers,
      { peer: client, scheme: 'http', host: 'a', realIp: client },
      { xForwardedFor: false, trusted },
    );
    expect(headers.getAll('x-forwarded-for')).toEqual(['8.8.8.8']);
  });
});

describe('X-Real-Ip, X-Forwarded-Proto and X-Forwarded-Host', () => {
  const hop = { scheme: 'http', host: 'a.test:8080', realIp: client } as const;
  const sent = {
    'X-Real-Ip': ['10.9.9.9', '8.8.8.8'],
    'X-Forwarded-Proto': ['https', 'https'],
    'X-Forwarded-Host': 'evil.test',
  };

  it('of an untrusted client are overwritten, the port kept', () => {
    const headers = headersOf(sent);
    writeForwarded(headers, { ...hop, peer: client }, { xForwardedFor: false, trusted });
    expect(headers.getAll('x-real-ip')).toEqual([client]);
    expect(headers.getAll('x-forwarded-proto')).toEqual(['http']);
    expect(headers.getAll('x-forwarded-host')).toEqual(['a.test:8080']);
  });

  it('of a trusted proxy stay', () => {
    const headers = headersOf(sent);
    writeForwarded(headers, { ...hop, peer: proxy }, { xForwardedFor: false, trusted });
    expect(headers.getAll('x-real-ip')).toEqual(['10.9.9.9', '8.8.8.8']);
    expect(headers.get('x-forwarded-proto')).toBe('https');
    expect(headers.get('x-forwarded-host')).toBe('evil.test');
  });

  it('are not added when nobody sent them', () => {
    const headers = new HeaderList();
    writeForwarded(headers, { ...hop, peer: client }, { xForwardedFor: false, trusted: noTrust });
    expect(headers.length).toBe(0);
  });
});
