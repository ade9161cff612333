// Certificates as an HTTPServer states them.

import type { KeyedCertificate } from '#proxy/primitives/crypto/certificate.ts';

type Fields = Readonly<Record<string, unknown>>;

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** `https` with one certificate. */
export function inline({ certificate, key }: KeyedCertificate, more: Fields = {}): Fields {
  return { https: true, certBase64: base64(certificate), keyBase64: base64(key), ...more };
}
