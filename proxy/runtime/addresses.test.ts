import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Rejection } from '#proxy/contract/messages.ts';
import type { Unit } from '#proxy/contract/units.ts';
import { takeLock } from './address-lock.ts';
import { Addresses, mayHeal } from './addresses.ts';
import type { BindAddress } from './thread-messages.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

function createAddresses(portOffset = 0): Addresses {
  const addresses = new Addresses(portOffset);
  open.push(addresses);
  return addresses;
}

function listenerUnit(port: number, address = '127.0.0.1'): Unit<'listener'> {
  return {
    kind: 'listener',
    name: `listener/default/${address}:${port}`,
    hash: '',
    origins: [{ kind: 'HTTPServer', namespace: 'default', name: 'web' }],
    content: {
      audience: 'default',
      address,
      port,
      placement: 'all',
      protocol: 'http',
      keepAlive: true,
      keepAliveTimeout: 60_000,
      maxConnections: 10,
    },
  };
}

function codeOf(answer: BindAddress | Rejection): string {
  return 'diagnostics' in answer ? (answer.diagnostics[0]?.code ?? '') : 'none';
}

function portOf(answer: BindAddress | Rejection): number {
  return 'diagnostics' in answer ? 0 : answer.port;
}

async function occupy(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  open.push({ [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) });
  return server;
}

describe('addresses of a proxy', () => {
  it('learn what port 0 became and keep it', async () => {
    const addresses = createAddresses();
    const first = await addresses.claim(listenerUnit(0));
    expect(portOf(first)).toBeGreaterThan(0);
    expect(await addresses.claim(listenerUnit(0))).toEqual(first);
  });

  it('add the offset', async () => {
    const { port } = (await occupy()).address() as AddressInfo;
    const addresses = createAddresses(port > 30_000 ? 1 : 10_000);
    const claimed = await addresses.claim(listenerUnit(port > 30_000 ? port - 1 : port - 10_000));
    expect(codeOf(claimed)).toBe('PortInUse');
    expect(codeOf(await createAddresses(65_000).claim(listenerUnit(8080)))).toBe('PortNotPermitted');
  });

  it('reject a port that another process has', async () => {
    const { port } = (await occupy()).address() as AddressInfo;
    const rejected = await createAddresses().claim(listenerUnit(port));
    expect(codeOf(rejected)).toBe('PortInUse');
    expect('diagnostics' in rejected && mayHeal(rejected)).toBe(true);
  });

  it('reject a port that another proxy has locked, until it gives it back', async () => {
    const other = createAddresses();
    const port = portOf(await other.claim(listenerUnit(0)));
    const addresses = createAddresses();
    expect(codeOf(await addresses.claim(listenerUnit(port)))).toBe('PortInUse');
    await other.release('listener/default/127.0.0.1:0');
    expect(codeOf(await addresses.claim(listenerUnit(port)))).toBe('none');
  });

  it("reject an address that is not this machine's", async () => {
    expect(codeOf(await createAddresses().claim(listenerUnit(0, '192.0.2.1')))).toBe('PortNotPermitted');
  });
});

describe('an address lock', () => {
  it('is held by one at a time', async () => {
    const name = `test-${process.pid}`;
    const first = await takeLock(name);
    expect(first).not.toBeNull();
    expect(await takeLock(name)).toBeNull();
    await first?.release();
    const second = await takeLock(name);
    expect(second).not.toBeNull();
    await second?.release();
  });
});
