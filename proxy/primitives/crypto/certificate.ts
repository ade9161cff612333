// Issues X.509 certificates (RFC 5280): an authority and what it signs, with ECDSA P-256 keys. It writes the one
// profile that the product needs and reads none: parsing stays with node:crypto. Called by whoever keeps an authority;
// where keys are kept is not decided here.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto';
import { isIP } from 'node:net';

export interface KeyedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. Secret. */
  readonly key: string;
}

export interface Validity {
  readonly from: Date;
  readonly to: Date;
}

/** A self-signed authority that may sign leaves only. */
export function createAuthority(commonName: string, validity: Validity): KeyedCertificate {
  const { privateKey, publicKey } = newKeys();
  return seal(privateKey, privateKey, {
    issuer: commonName,
    subject: commonName,
    validity,
    publicKey,
    extensions: [
      extension(oid.basicConstraints, true, sequence(boolean(true), integer(Buffer.from([0])))),
      // keyCertSign and cRLSign (RFC 5280 4.2.1.3).
      extension(oid.keyUsage, true, Buffer.from([0x03, 0x02, 0x01, 0x06])),
      extension(oid.subjectKeyId, false, octets(keyId(publicKey))),
    ],
  });
}

/** A certificate for servers of these names and addresses. */
export function issueServer(
  authority: KeyedCertificate,
  authorityName: string,
  names: readonly string[],
  validity: Validity,
): KeyedCertificate {
  const subject = names[0] ?? '';
  return issue(authority, authorityName, { subject, validity, usage: oid.serverAuth, names });
}

/** A certificate by which a client shows who it is. */
export function issueClient(
  authority: KeyedCertificate,
  authorityName: string,
  subject: string,
  validity: Validity,
): KeyedCertificate {
  return issue(authority, authorityName, { subject, validity, usage: oid.clientAuth, names: [] });
}

interface Leaf {
  readonly subject: string;
  readonly validity: Validity;
  readonly usage: string;
  /** Host names and addresses. */
  readonly names: readonly string[];
}

function issue(authority: KeyedCertificate, authorityName: string, leaf: Leaf): KeyedCertificate {
  const { subject, validity, usage, names } = leaf;
  const issuerKey = createPrivateKey(authority.key);
  const issuerPublic = createPublicKey(authority.key).export({ type: 'spki', format: 'der' });
  const { privateKey, publicKey } = newKeys();
  return seal(privateKey, issuerKey, {
    issuer: authorityName,
    subject,
    validity,
    publicKey,
    extensions: [
      extension(oid.basicConstraints, true, sequence()),
      // digitalSignature.
      extension(oid.keyUsage, true, Buffer.from([0x03, 0x02, 0x07, 0x80])),
      extension(oid.extendedKeyUsage, false, sequence(objectId(usage))),
      extension(oid.authorityKeyId, false, sequence(tlv(0x80, keyId(issuerPublic)))),
      ...(names.length === 0 ? [] : [extension(oid.subjectAltName, false, sequence(...names.map(generalName)))]),
    ],
  });
}

interface Draft {
  readonly issuer: string;
  readonly subject: string;
  readonly validity: Validity;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  readonly extensions: readonly Buffer[];
}

function seal(key: KeyObject, issuerKey: KeyObject, draft: Draft): KeyedCertificate {
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  const toBeSigned = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    // Positive and of at most 20 octets (RFC 5280 4.1.2.2).
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    algorithm,
    name(draft.issuer),
    sequence(time(draft.validity.from), time(draft.validity.to)),
    name(draft.subject),
    draft.publicKey,
    tlv(0xa3, sequence(...draft.extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuerKey);
  const der = sequence(toBeSigned, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  return {
    certificate: pem('CERTIFICATE', der),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function newKeys(): { privateKey: KeyObject; publicKey: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'der' }) };
}

/** Method 1 of RFC 5280 4.2.1.2 over the whole SubjectPublicKeyInfo: any stable value will do. */
function keyId(publicKey: Buffer): Buffer {
  return createHash('sha256').update(publicKey).digest().subarray(0, 20);
}

// ── DER (X.690) ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Identifiers, already encoded. */
const oid = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  subjectKeyId: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  authorityKeyId: '551d23',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
} as const;

function tlv(tag: number, content: Buffer): Buffer {
  const size = content.length;
  if (size < 0x80) return Buffer.concat([Buffer.from([tag, size]), content]);
  const bytes = Buffer.from(size.toString(16).padStart(size > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
}

function sequence(...items: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(items));
}

function integer(bytes: Buffer): Buffer {
  return tlv(0x02, bytes);
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.from([value ? 0xff : 0]));
}

function octets(bytes: Buffer): Buffer {
  return tlv(0x04, bytes);
}

function objectId(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function name(commonName: string): Buffer {
  return sequence(tlv(0x31, sequence(objectId(oid.commonName), tlv(0x0c, Buffer.from(commonName, 'utf8')))));
}

/** UTCTime through 2049, GeneralizedTime after (RFC 5280 4.1.2.5). */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function generalName(text: string): Buffer {
  return isIP(text) === 0 ? tlv(0x82, Buffer.from(text, 'ascii')) : tlv(0x87, addressBytes(text));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes any IPv6 address in its canonical form: hexadecimal groups only.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const middle: string[] = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...middle, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
