// Reads the certificates of an HTTPServer. A pair that cannot be used is left out and told, and the others serve: its
// clients get the default certificate, which is no more open. A server of which none can be used is refused, and so is
// one whose demands on clients cannot be understood.

import {
  authorityFault,
  readKeyPair,
  revocationFault,
  unknownCiphers,
  unknownCurves,
  type KeyPairFault,
  type ReadCertificate,
} from '#proxy/primitives/crypto/key-pair.ts';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import type { FieldPath, Finding } from './finding.ts';
import type { HttpServerFields } from './http-server.ts';
import type { TlsFields } from './tls.ts';

/** A certificate with its key, checked against each other. */
export interface UsableCertificate extends ReadCertificate {
  readonly label: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateReading {
  readonly certificates: readonly UsableCertificate[];
  readonly clientCa: string;
  readonly clientCrl: string;
  readonly findings: readonly Finding[];
  /** Nothing of the server may be served. */
  readonly refused: boolean;
}

type Fields = Pick<
  HttpServerFields,
  'https' | 'certBase64' | 'keyBase64' | 'certs' | 'keys' | 'caCertBase64' | 'tls' | 'autoCert' | 'certificateRefs'
>;

/** `unreadable`: names of fields of the server that were wrong already, of which nothing more need be said. */
export function readCertificates(fields: Fields, unreadable: ReadonlySet<string>): CertificateReading {
  if (!fields.https) return withoutTls(fields, unreadable);
  const findings: Finding[] = [];
  const certificates = pairsOf(fields, unreadable, findings).flatMap((pair) => usable(pair, findings));
  const before = findings.length;
  const { clientCa, clientCrl } = clientsOf(fields, unreadable, findings);
  if (fields.tls !== undefined) findings.push(...policyFindings(fields.tls));
  const refused = findings.length > before || certificates.length === 0;
  // Those two are refused as not yet active, which says enough.
  const elsewhere = fields.autoCert || fields.certificateRefs.length > 0;
  if (certificates.length === 0 && findings.length === 0 && unreadable.size === 0 && !elsewhere) {
    const message =
      '`https` needs a certificate; state `certBase64` and `keyBase64`, or `certs` and `keys` with the same labels';
    findings.push({ code: 'CertificateMissing', path: ['spec', 'https'], message });
  }
  return { certificates, clientCa, clientCrl, findings, refused };
}

/** Whoever states certificates means TLS: serving in the clear would be more open than meant. */
function withoutTls(fields: Fields, unreadable: ReadonlySet<string>): CertificateReading {
  const { certBase64 = '', keyBase64 = '', certs, keys, caCertBase64 = '', tls } = fields;
  const stated = {
    certBase64: certBase64 !== '',
    keyBase64: keyBase64 !== '',
    certs: Object.keys(certs).length > 0,
    keys: Object.keys(keys).length > 0,
    caCertBase64: caCertBase64 !== '',
    tls: tls !== undefined,
  };
  const field = Object.entries(stated).find(([, is]) => is)?.[0];
  const without: CertificateReading = { certificates: [], clientCa: '', clientCrl: '', findings: [], refused: false };
  if (field === undefined || unreadable.has('https')) return without;
  const finding = wrong(['spec', field], `\`${field}\` is stated; expected \`https: true\` beside it`);
  return { ...without, findings: [finding], refused: true };
}

interface Pair {
  readonly label: string;
  readonly certificate: string;
  readonly key: string;
  readonly certificateAt: FieldPath;
  readonly keyAt: FieldPath;
}

function pairsOf(fields: Fields, unreadable: ReadonlySet<string>, findings: Finding[]): Pair[] {
  const { certBase64 = '', keyBase64 = '', certs, keys } = fields;
  const pairs: Pair[] = [];
  const certificateAt = ['spec', 'certBase64'];
  const keyAt = ['spec', 'keyBase64'];
  if (certBase64 !== '' && keyBase64 !== '') {
    const pair = { label: 'certBase64', certificate: decode(certBase64), key: decode(keyBase64) };
    pairs.push({ ...pair, certificateAt, keyAt });
  } else if (certBase64 !== '' && !unreadable.has('keyBase64')) {
    findings.push(lacking(certificateAt, '`certBase64` is without its key; state `keyBase64`'));
  } else if (keyBase64 !== '' && !unreadable.has('certBase64')) {
    findings.push(lacking(keyAt, '`keyBase64` is without its certificate; state `certBase64`'));
  }
  for (const label of Object.keys(certs).toSorted()) {
    const [at, certificate, key] = [['spec', 'certs', label], certs[label] ?? '', keys[label]];
    if (key !== undefined) {
      const pair = { label: `certs/${label}`, certificate: plain(certificate), key: plain(key) };
      pairs.push({ ...pair, certificateAt: at, keyAt: ['spec', 'keys', label] });
    } else if (!unreadable.has('keys')) {
      findings.push(lacking(at, 'the certificate is without its key; state it in `keys` with the same label'));
    }
  }
  for (const label of Object.keys(keys).toSorted()) {
    if (Object.hasOwn(certs, label) || unreadable.has('certs')) continue;
    const message = 'the key is without its certificate; state it in `certs` with the same label';
    findings.push(lacking(['spec', 'keys', label], message));
  }
  return pairs;
}

function lacking(path: FieldPath, message: string): Finding {
  return { code: 'CertificateInvalid', path, message };
}

function usable({ label, certificate, key, certificateAt, keyAt }: Pair, findings: Finding[]): UsableCertificate[] {
  const read = judge(certificate, key);
  if (!('part' in read)) return [{ ...read, label, certificate, key }];
  const path = read.part === 'key' ? keyAt : certificateAt;
  const field = String(path[1]);
  findings.push({ code: 'CertificateInvalid', path, message: `\`${field}\` ${read.message}` });
  return [];
}

/** What was found about a pair, by the hash of its texts: an edit of a server does not read all its keys again. */
const judged = new Map<string, ReadCertificate | KeyPairFault>();
const maxJudged = 16_384;

function judge(certificate: string, key: string): ReadCertificate | KeyPairFault {
  const id = sha256(`${certificate}\0${key}`).toString('base64');
  const known = judged.get(id);
  if (known !== undefined) return known;
  const read = readKeyPair(certificate, key);
  const [oldest] = judged.keys();
  if (judged.size >= maxJudged && oldest !== undefined) judged.delete(oldest);
  judged.set(id, read);
  return read;
}

/** What is asked of clients. */
function clientsOf(
  { caCertBase64, tls }: Fields,
  unreadable: ReadonlySet<string>,
  findings: Finding[],
): Pick<CertificateReading, 'clientCa' | 'clientCrl'> {
  const clientCa = decode(caCertBase64 ?? '');
  const clientCrl = decode(tls?.crlBase64 ?? '');
  const check = (path: FieldPath, text: string, fault: string | null): string => {
    if (text === '' || fault === null) return text;
    findings.push({ code: 'CertificateInvalid', path, message: `\`${String(path.at(-1))}\` ${fault}` });
    return '';
  };
  const ca = check(['spec', 'caCertBase64'], clientCa, clientCa === '' ? null : authorityFault(clientCa));
  const crl = check(['spec', 'tls', 'crlBase64'], clientCrl, clientCrl === '' ? null : revocationFault(clientCrl));
  const asks = tls?.clientAuth;
  const at = ['spec', 'tls', 'clientAuth'];
  if (clientCa === '' && !unreadable.has('caCertBase64')) {
    if (asks === 'optional' || asks === 'required') {
      findings.push(wrong(at, `\`clientAuth\` is ${asks}; expected \`caCertBase64\` beside it, to know good ones by`));
    }
    if (clientCrl !== '') {
      findings.push(wrong(['spec', 'tls', 'crlBase64'], '`crlBase64` is a list; expected `caCertBase64` beside it'));
    }
  } else if (asks === 'none' && clientCa !== '') {
    findings.push(wrong(at, '`clientAuth` is none; expected `optional` or `required` beside `caCertBase64`'));
  }
  return { clientCa: ca, clientCrl: crl };
}

function policyFindings({ minVersion, maxVersion, ciphers, curves }: TlsFields): Finding[] {
  const found: Finding[] = [];
  const at = (field: string): FieldPath => ['spec', 'tls', field];
  if (minVersion > maxVersion) {
    found.push(wrong(at('minVersion'), `\`minVersion\` is ${minVersion}; expected at most \`maxVersion\``));
  }
  for (const name of unknownCiphers(ciphers)) {
    found.push(wrong(at('ciphers'), `\`ciphers\` has ${name}; expected names of OpenSSL, one an entry`));
  }
  const ofOldVersion = ciphers.some((name) => !name.startsWith('TLS_'));
  if (ciphers.length > 0 && maxVersion === 'TLSv1.2' && !ofOldVersion) {
    found.push(wrong(at('ciphers'), '`ciphers` has none for TLSv1.2; expected such as `ECDHE-RSA-AES128-GCM-SHA256`'));
  }
  for (const name of unknownCurves(curves)) {
    found.push(wrong(at('curves'), `\`curves\` has ${name}; expected names of OpenSSL, such as \`X25519\``));
  }
  return found;
}

function wrong(path: FieldPath, message: string): Finding {
  return { code: 'InvalidField', path, message };
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

/** Easegress takes both forms in its maps. */
function plain(value: string): string {
  return value.includes('-----BEGIN') ? value : decode(value);
}
