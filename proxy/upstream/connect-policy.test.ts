import { describe, expect, it } from 'vitest';
import { allowAll, clusterConnectPolicy } from './connect-policy.ts';

describe('where a proxy in a cluster may connect to', () => {
  const policy = clusterConnectPolicy();

  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '169.254.169.254',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:7f00:0001',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    'fd00:ec2::254',
    'not-an-address',
    '',
  ])('refuses %s', (address) => {
    expect(policy.allows(address)).toBe(false);
  });

  it.each(['10.0.0.1', '192.168.1.1', '8.8.8.8', '2001:db8::1', 'fd00::1', '::ffff:10.0.0.1'])(
    'allows %s',
    (address) => {
      expect(policy.allows(address)).toBe(true);
    },
  );

  it('allows what a CIDR excepts, also in its IPv4-mapped form, and nothing beside it', () => {
    const excepted = clusterConnectPolicy(['127.0.0.8/30', '::1']);
    expect(['127.0.0.9', '::ffff:127.0.0.9', '::1', '127.0.0.1'].map((a) => excepted.allows(a))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('refuses what is added, such as the API server', () => {
    expect(clusterConnectPolicy([], ['10.96.0.1']).allows('10.96.0.1')).toBe(false);
  });

  it('does not take a malformed CIDR for an empty list', () => {
    expect(() => clusterConnectPolicy(['10.0.0/8'])).toThrow('not an address or CIDR: 10.0.0/8');
  });
});

describe('where a proxy on a laptop may connect to', () => {
  it('allows everything', () => {
    expect(allowAll.allows('127.0.0.1')).toBe(true);
  });
});
