// The `tls` object of HTTPServer, which Easegress has not: what a port offers and asks for. Without it a port does what
// Mozilla calls intermediate.

import { z } from 'zod';
import { tlsVersions } from '#proxy/contract/units.ts';
import { base64Field, list, requiredText } from '#proxy/primitives/fields.ts';

/**
 * https://wiki.mozilla.org/Security/Server_Side_TLS, version 5.7, less the suites with finite-field Diffie-Hellman, which
 * need parameters of their own and which no client needs that has TLS 1.2.
 */
export const intermediateCiphers: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/** The first one is safe against recorded traffic being opened by a later quantum computer; clients without it go on. */
export const intermediateCurves: readonly string[] = ['X25519MLKEM768', 'X25519', 'prime256v1', 'secp384r1'];

const version = (description: string) => z.enum(tlsVersions).meta({ description });

export const tlsSchema = z
  .strictObject({
    minVersion: version('Oldest version that is spoken.').default('TLSv1.2'),
    maxVersion: version('Newest version that is spoken.').default('TLSv1.3'),
    ciphers: list(
      requiredText('Name as OpenSSL writes it, of TLS 1.2 or 1.3.', 64),
      32,
      "Cipher suites, best first; empty = Mozilla's intermediate ones.",
    ).default([]),
    curves: list(
      requiredText('Name as OpenSSL writes it.', 64),
      16,
      'Groups for the key exchange, best first; empty = X25519MLKEM768, X25519, prime256v1, secp384r1.',
    ).default([]),
    clientAuth: z
      .enum(['none', 'optional', 'required'])
      .meta({
        description:
          'Whether clients present a certificate of `caCertBase64`; one that is presented must be good in any case. `required` where an authority is stated, else `none`.',
        protects: true,
      })
      .optional(),
    crlBase64: base64Field('Revoked certificates of clients: a list of that authority, PEM in base64.')
      .meta({ protects: true })
      .optional(),
  })
  .meta({ description: 'Versions, ciphers and client certificates of the port.' });

export type TlsFields = z.infer<typeof tlsSchema>;
