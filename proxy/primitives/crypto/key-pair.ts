// Reads what people give for TLS (PEM certificates with their key, authorities, revocation lists, a policy) and says in
// a sentence what is wrong with it. Whether a certificate has expired is not judged here: there is no clock. Nothing
// that it says shows any part of a key. Called by the operator when it reads objects; the last word is OpenSSL's, whose
// contexts a proxy makes of the same texts.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext, getCiphers } from 'node:tls';

export interface ReadCertificate {
  /** Lower case: host names, `*.a.io`, addresses. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** `mismatch`: both can be read, but the key is another's. */
export interface KeyPairFault {
  readonly part: 'certificate' | 'key' | 'mismatch';
  /** Follows the name of the field: `is no PEM certificate`. */
  readonly message: string;
}

export function readKeyPair(certificate: string, key: string): ReadCertificate | KeyPairFault {
  const chain = readChain(certificate);
  if (typeof chain === 'string') return { part: 'certificate', message: chain };
  const [leaf] = chain;
  const privateKey = readKey(key);
  if (typeof privateKey === 'string') return { part: 'key', message: privateKey };
  if (!leaf.checkPrivateKey(privateKey)) {
    return {
      part: 'mismatch',
      message: `does not belong to the key: it is for another one (${leaf.publicKey.asymmetricKeyType ?? ''})`,
    };
  }
  // Also what only OpenSSL knows: keys that are too short, digests that are too weak.
  const refused = contextFault({ cert: certificate, key, ca: [] });
  if (refused !== null) return { part: 'certificate', message: `is not accepted by OpenSSL (${refused})` };
  return { names: namesOf(leaf), notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
}

/** Null when the text holds certificates and nothing else can be said against it. */
export function authorityFault(text: string): string | null {
  const chain = readChain(text);
  if (typeof chain === 'string') return chain;
  const refused = contextFault({ ca: text });
  return refused === null ? null : `is not accepted by OpenSSL (${refused})`;
}

export function revocationFault(text: string): string | null {
  if (!text.includes('-----BEGIN X509 CRL-----')) return 'is no revocation list in PEM (-----BEGIN X509 CRL-----)';
  return contextFault({ crl: text, ca: [] }) === null ? null : 'is no revocation list that can be read';
}

/** Cipher suites that this OpenSSL has not. */
export function unknownCiphers(ciphers: readonly string[]): readonly string[] {
  knownCiphers ??= new Set(getCiphers());
  const known = knownCiphers;
  return ciphers.filter((name) => !known.has(name.toLowerCase()));
}

let knownCiphers: ReadonlySet<string> | null = null;

/** Groups for the key exchange that this OpenSSL has not. */
export function unknownCurves(curves: readonly string[]): readonly string[] {
  return curves.filter((name) => contextFault({ ecdhCurve: name, ca: [] }) !== null);
}

const blocks = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** Leaf first. */
function readChain(text: string): readonly [X509Certificate, ...X509Certificate[]] | string {
  const certificates: X509Certificate[] = [];
  for (const [block, label = ''] of text.matchAll(blocks)) {
    if (label.endsWith('PRIVATE KEY')) return 'holds a private key; it belongs into the field for the key';
    if (label !== 'CERTIFICATE' && label !== 'X509 CERTIFICATE') return `holds a ${label.toLowerCase()}`;
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      return `has a certificate that cannot be read (number ${certificates.length + 1})`;
    }
  }
  const [leaf, ...others] = certificates;
  return leaf === undefined ? 'is no certificate in PEM (-----BEGIN CERTIFICATE-----)' : [leaf, ...others];
}

function readKey(text: string): KeyObject | string {
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) return 'is no private key in PEM';
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return 'is encrypted, and there is nowhere to state a password; decrypt it first (openssl pkey)';
  }
  try {
    return createPrivateKey(text);
  } catch {
    return 'is a private key that cannot be read';
  }
}

/** What a client may ask for. The subject's name counts only where there are no alternative names (RFC 9525 6.3). */
function namesOf(certificate: X509Certificate): readonly string[] {
  const stated = certificate.subjectAltName;
  if (stated !== undefined) {
    const names = [...stated.matchAll(/(?:^|, )(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)];
    return [...new Set(names.map(([, name = '']) => name.toLowerCase()).filter(isName))];
  }
  const common = /(?:^|\n)CN=(.*)$/m.exec(certificate.subject)?.[1]?.toLowerCase() ?? '';
  return isName(common) ? [common] : [];
}

function isName(name: string): boolean {
  return /^(?:\*\.)?[a-z0-9._-]+$|^[0-9a-f:.]+$/.test(name);
}

function contextFault(options: Parameters<typeof createSecureContext>[0]): string | null {
  try {
    createSecureContext(options);
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // `error:0A00018F:SSL routines::ee key too small`.
    return text.slice(text.lastIndexOf(':') + 1).trim();
  }
}
