// Authorities, certificates and TLS clients for tests.

import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { CertificateContent, TlsContent } from '#proxy/contract/units.ts';
import {
  createAuthority,
  issueClient,
  issueServer,
  type KeyedCertificate,
  type Validity,
} from '#proxy/primitives/crypto/certificate.ts';

const day = 86_400_000;

/** From yesterday, or from long ago when the end is past, for so many days from now. */
export function validFor(days: number): Validity {
  const from = days > 0 ? Date.now() - day : Date.now() + 2 * days * day;
  return { from: new Date(from), to: new Date(Date.now() + days * day) };
}

export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  server(...names: string[]): KeyedCertificate;
  client(name: string, days?: number): KeyedCertificate;
}

export function testAuthority(name: string): TestAuthority {
  const authority = createAuthority(name, validFor(365));
  return {
    ca: authority.certificate,
    server: (...names) => issueServer(authority, name, names, validFor(90)),
    client: (subject, days = 90) => issueClient(authority, name, subject, validFor(days)),
  };
}

export function certificateContent({ certificate, key }: KeyedCertificate, ...names: string[]): CertificateContent {
  const read = new X509Certificate(certificate);
  return { certificate, key, names, notBefore: Date.parse(read.validFrom), notAfter: Date.parse(read.validTo) };
}

export function tlsContent(changes: Partial<TlsContent> = {}): TlsContent {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: ['TLS_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    curves: ['X25519', 'prime256v1'],
    clientAuth: 'none',
    ca: '',
    crl: '',
    defaultCertificate: null,
    ...changes,
  };
}

/** What a client saw. `error` is `` for a connection that came about and answered. */
export interface TlsAnswer {
  readonly error: string;
  /** Names in the certificate that was served. */
  readonly names: string;
  readonly text: string;
  readonly resumed: boolean;
  readonly protocol: string;
  readonly alpn: string;
  /** Sessions that the server gave away. */
  readonly session: Buffer | null;
}

export interface TlsAsk extends ConnectionOptions {
  readonly port: number;
  /** What is sent; the answer is read until the server closes. */
  readonly send?: string;
}

/** One connection from hello to close. Server certificates are not judged unless `ca` is given. */
export function askTls(options: TlsAsk): Promise<TlsAnswer> {
  const { send = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n', ...rest } = options;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', rejectUnauthorized: rest.ca !== undefined, ...rest });
    const seen = { error: '', names: '', text: '', resumed: false, protocol: '', alpn: '', session: null };
    const answer: { -readonly [K in keyof TlsAnswer]: TlsAnswer[K] } = seen;
    socket.setEncoding('latin1');
    socket.on('session', (session: Buffer) => (answer.session = session));
    socket.on('secureConnect', () => {
      answer.names = servedNames(socket);
      answer.resumed = socket.isSessionReused();
      answer.protocol = socket.getProtocol() ?? '';
      answer.alpn = socket.alpnProtocol || '';
      socket.write(send, 'latin1');
    });
    socket.on('data', (text: string) => (answer.text += text));
    socket.on('error', (error: NodeJS.ErrnoException) => (answer.error = error.code ?? error.message));
    socket.on('close', () => resolve(answer));
  });
}

function servedNames(socket: TLSSocket): string {
  return (socket.getPeerX509Certificate()?.subjectAltName ?? '').replaceAll('DNS:', '');
}
