import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { revocationList } from '#test/support/revoked.ts';
import { createAuthority, issueClient, issueServer } from './certificate.ts';
import { authorityFault, readKeyPair, revocationFault, unknownCiphers, unknownCurves } from './key-pair.ts';

const validity = { from: new Date('2026-01-02T03:04:05Z'), to: new Date('2027-06-07T08:09:10Z') };
const authority = createAuthority('names', validity);
const names = ['a.test', '*.b.test', '10.0.0.1', '2001:db8::1'];
const { certificate, key } = issueServer(authority, 'names', names, validity);
const other = issueServer(authority, 'names', ['c.test'], validity);

function again(form: { cipher?: string; type: 'pkcs8' | 'sec1' }): string {
  const { cipher, type } = form;
  const how = cipher === undefined ? {} : { cipher, passphrase: 'x' };
  return createPrivateKey(key)
    .export({ type, format: 'pem', ...how })
    .toString();
}

describe('a certificate and its key', () => {
  it('are read for the names and times in it, in any form of PEM', () => {
    const expected = {
      names: ['a.test', '*.b.test', '10.0.0.1', '2001:db8:0:0:0:0:0:1'],
      notBefore: validity.from.getTime(),
      notAfter: validity.to.getTime(),
    };
    expect(readKeyPair(certificate, key)).toEqual(expected);
    expect(readKeyPair(certificate + authority.certificate, key)).toEqual(expected);
    expect(readKeyPair(`Subject: a\n${certificate.replaceAll('\n', '\r\n')}`, again({ type: 'sec1' }))).toEqual(
      expected,
    );
  });

  it('without alternative names are for the name of the subject', () => {
    const client = issueClient(authority, 'names', 'Old.test', validity);
    expect(readKeyPair(client.certificate, client.key)).toMatchObject({ names: ['old.test'] });
    const person = issueClient(authority, 'names', 'Alice Smith', validity);
    expect(readKeyPair(person.certificate, person.key)).toMatchObject({ names: [] });
  });

  it.each([
    ['the key of another', certificate, other.key, 'mismatch', 'does not belong to the key'],
    ['the chain in the wrong order', authority.certificate + certificate, key, 'mismatch', 'does not belong'],
    ['no text', '', key, 'certificate', 'is no certificate in PEM'],
    ['another text', 'hello', key, 'certificate', 'is no certificate in PEM'],
    ['a PEM cut short', certificate.slice(0, 300), key, 'certificate', 'is no certificate in PEM'],
    ['a PEM with a fault', certificate.replace(/M/, 'A'), key, 'certificate', 'number 1'],
    ['a chain with a fault', certificate + authority.certificate.replace(/M/, 'A'), key, 'certificate', 'number 2'],
    ['a key in the place of the certificate', key, key, 'certificate', 'holds a private key'],
    ['a certificate in the place of the key', certificate, certificate, 'key', 'is no private key in PEM'],
    ['no key', certificate, '', 'key', 'is no private key in PEM'],
    ['a key cut short', certificate, `${key.slice(0, 60)}\n-----END PRIVATE KEY-----\n`, 'key', 'cannot be read'],
    ['an encrypted key', certificate, again({ type: 'pkcs8', cipher: 'aes-256-cbc' }), 'key', 'is encrypted'],
    ['a key encrypted the old way', certificate, again({ type: 'sec1', cipher: 'aes-256-cbc' }), 'key', 'is encrypted'],
  ])('are told when there is %s, without a part of the key', (...[, cert, secret, part, text]) => {
    const fault = readKeyPair(cert, secret);
    expect(fault).toMatchObject({ part, message: expect.stringContaining(text) });
    for (const line of [...key.split('\n').slice(1, -2), ...other.key.split('\n').slice(1, -2)]) {
      expect(JSON.stringify(fault)).not.toContain(line.slice(0, 16));
    }
  });
});

describe('what else is stated for TLS', () => {
  it('is an authority, or what it is instead is told', () => {
    expect(authorityFault(authority.certificate)).toBe(null);
    expect(authorityFault(authority.certificate + other.certificate)).toBe(null);
    expect(authorityFault('hello')).toContain('is no certificate in PEM');
    expect(authorityFault(key)).toContain('private key');
  });

  it('is a revocation list, or not', () => {
    expect(revocationFault(revocationList)).toBe(null);
    expect(revocationFault(certificate)).toContain('is no revocation list in PEM');
    expect(revocationFault(revocationList.replace(/M/, 'A'))).toContain('that can be read');
  });

  it('are names that OpenSSL knows', () => {
    expect(unknownCiphers(['TLS_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'RC4', 'HIGH:!aNULL'])).toEqual([
      'RC4',
      'HIGH:!aNULL',
    ]);
    expect(unknownCurves(['X25519MLKEM768', 'X25519', 'prime256v1', 'x', 'P-256:x'])).toEqual(['x', 'P-256:x']);
  });
});
