import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueServer } from './certificate.ts';

const year = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 365 * 86_400_000) };
const authority = createAuthority('test authority', year);

describe('certificates', () => {
  it('make an authority that signed itself and may sign', () => {
    const parsed = new X509Certificate(authority.certificate);
    expect(parsed.ca).toBe(true);
    expect(parsed.subject).toBe('CN=test authority');
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(Math.abs(Date.parse(parsed.validTo) - year.to.getTime())).toBeLessThan(2000);
  });

  it('name servers by name and address', () => {
    const names = ['easegress-operator', '127.0.0.1', '::1', '2001:db8::a:1'];
    const server = new X509Certificate(issueServer(authority, 'test authority', names, year).certificate);
    const parsed = new X509Certificate(authority.certificate);
    expect(server.ca).toBe(false);
    expect(server.checkIssued(parsed)).toBe(true);
    expect(server.verify(parsed.publicKey)).toBe(true);
    expect(server.checkHost('easegress-operator')).toBe('easegress-operator');
    expect(server.checkHost('another')).toBe(undefined);
    for (const address of names.slice(1)) expect(server.checkIP(address)).toBe(address);
  });

  it('hold until after 2049', () => {
    const long = createAuthority('long', { from: year.from, to: new Date('2060-05-06T07:08:09Z') });
    expect(Date.parse(new X509Certificate(long.certificate).validTo)).toBe(Date.parse('2060-05-06T07:08:09Z'));
  });

  it.each([
    ['its authority', authority.certificate, 'easegress-operator', ''],
    [
      'another authority',
      createAuthority('test authority', year).certificate,
      'easegress-operator',
      'SELF_SIGNED|VERIFY|signature',
    ],
    ['another name', authority.certificate, 'other', 'ALTNAME'],
  ])('are checked by TLS against %s', async (_, ca, servername, error) => {
    const { certificate, key } = issueServer(authority, 'test authority', ['easegress-operator'], year);
    const server = createServer({ cert: certificate, key }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.on('tlsClientError', () => {});
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca, servername });
    const outcome = await outcomeOf(socket);
    socket.destroy();
    server.close();
    expect(outcome).toMatch(new RegExp(error));
    expect(outcome === '').toBe(error === '');
  });
});

function outcomeOf(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.on('secureConnect', () => resolve(''));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code ?? ''} ${error.message}`));
  });
}
