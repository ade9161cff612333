import { describe, expect, it } from 'vitest';
import { SettingsError, describeFlags } from '#proxy/process/flags.ts';
import { proxySettingsSchema, readProxySettings } from './settings.ts';

function read(line: string, env: Record<string, string> = {}): ReturnType<typeof readProxySettings> {
  return readProxySettings(line === '' ? [] : line.split(' '), env);
}

describe('settings of the proxy', () => {
  it('has a default for everything', () => {
    expect(read('')).toMatchObject({ stateDir: '', portOffset: 0, grace: 5000, operator: [], debugPort: null });
  });

  it('reads flags in both forms', () => {
    const settings = read('--threads 2 --admin=127.0.0.1:0 --operator a:1,b:2 --grace 1m30s --restrict-upstreams');
    expect(settings).toMatchObject({
      threads: 2,
      admin: { host: '127.0.0.1', port: 0 },
      operator: ['a:1', 'b:2'],
      grace: 90_000,
      restrictUpstreams: true,
    });
  });

  it('reads networks and a size', () => {
    const settings = read('--proxy-protocol-from 10.0.0.0/8,::1 --memory-budget 2');
    expect(settings).toMatchObject({ proxyProtocolFrom: ['10.0.0.0/8', '::1'], memoryBudget: 2 * 1024 * 1024 });
    expect(read('')).toMatchObject({ memoryBudget: 256 * 1024 * 1024, upstreamIdle: 300_000 });
  });

  it('reads an IPv6 address and one without a host', () => {
    expect(read('--admin [::1]:80').admin).toEqual({ host: '::1', port: 80 });
    expect(read('--admin :80').admin).toEqual({ host: '', port: 80 });
  });

  it('reads the environment, and a flag wins', () => {
    const env = { EASEGRESS_PORT_OFFSET: '10000', EASEGRESS_THREADS: '3', OTHER: 'x' };
    expect(read('--threads 1', env)).toMatchObject({ portOffset: 10_000, threads: 1 });
  });

  const wrong: [line: string, message: string][] = [
    ['--treads 2', 'unknown flag --treads; did you mean --threads?'],
    ['--zzzzzzzz', 'unknown flag --zzzzzzzz'],
    ['x', 'unexpected argument x'],
    [
      '--proxy-protocol-from 10.0.0.0/8,lb.test',
      '--proxy-protocol-from: "10.0.0.0/8,lb.test" is not possible; expected IP addresses and CIDR networks',
    ],
    ['--threads two', '--threads: "two" is not possible; expected a whole number'],
    ['--threads 1000', '--threads: "1000" is not possible; expected a number from 0 to 256'],
    ['--grace 5', '--grace: "5" is not possible; expected a duration such as 500ms or 30s'],
    ['--log-level loud', '--log-level: "loud" is not possible; expected one of error, warn, info, debug'],
    ['--admin 80', '--admin: "80" is not possible; expected an address and port such as 0.0.0.0:9090 or :9090'],
  ];
  for (const [line, message] of wrong) {
    it(`refuses ${line}`, () => {
      expect(() => read(line)).toThrow(SettingsError);
      expect(() => read(line)).toThrow(message);
    });
  }

  it('describes every flag', () => {
    const lines = describeFlags(proxySettingsSchema).trimEnd().split('\n');
    expect(lines.length).toBe(Object.keys(proxySettingsSchema.shape).length);
    for (const line of lines) expect(line).toMatch(/^ {2}--[a-z-]+ {2,}\S/);
  });
});
