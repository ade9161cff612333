// The TLS of one port on one thread: takes accepted connections and gives back those whose handshake is done. It serves
// the certificate that the client's name selects; a certificate that was swapped is served from the next handshake on.
// Everything that a policy settles is in one tls.Server, which accepts nothing itself; another policy, default
// certificate or ticket key makes a new one, and connections of the former go on. Contexts are made on first use.
//
// It does not know what is spoken inside, nor routes: which certificate a name selects is the runtime's.

import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { constants } from 'node:crypto';
import type { CertificateContent, TlsContent } from '#proxy/contract/units.ts';
import { tieTransport } from '#proxy/http1/socket-events.ts';
import { clientPolicyHash, ticketEpochMs, ticketKeys } from '#proxy/primitives/crypto/ticket-keys.ts';

/** Another object each time that its content changed. */
export interface ServedCertificate {
  readonly name: string;
  readonly content: CertificateContent;
}

export interface CertificateSource {
  /** `host` is in lower case; null = the default one. */
  select(host: string): ServedCertificate | null;
  find(unit: string): ServedCertificate | null;
}

export interface TlsKit {
  /** Name of the listener's unit. */
  readonly listener: string;
  readonly certificates: CertificateSource;
  readonly ticketSecret: Uint8Array;
  /** Milliseconds since 1970; decides which ticket key is used. */
  readonly wallClock: () => number;
  /** OpenSSL does not take a certificate that the operator took. */
  readonly onUnusable: (certificate: string, reason: string) => void;
}

export interface TlsOwner {
  /** Milliseconds from the connection to the end of the handshake. */
  readonly handshakeTimeout: number;
  onSecure(raw: Socket, socket: TLSSocket): void;
}

/** Offered in this order; a client that offers none speaks HTTP/1.1. */
const protocols = ['h2', 'http/1.1'];
/**
 * A client that lacks AES in hardware says so by putting ChaCha20 first, and gets it. Handshakes within a connection cost
 * us much and the client little. Where client certificates are asked for there are no tickets either: one would stand
 * for its holder's certificate.
 */
const always = constants.SSL_OP_PRIORITIZE_CHACHA | constants.SSL_OP_NO_RENEGOTIATION;
/** Contexts kept; about 30 KB each. The oldest goes first. */
const maxContexts = 1024;

interface CachedContext {
  readonly served: ServedCertificate;
  readonly context: SecureContext | null;
}

export class TlsAcceptor {
  private readonly kit: TlsKit;
  private readonly owner: TlsOwner;
  private readonly content: TlsContent;
  private readonly contexts = new Map<string, CachedContext>();
  private readonly pending = new Map<string, Socket>();
  private server: Server | null = null;
  private defaultCertificate: string | null;
  private servedByDefault: ServedCertificate | null = null;
  private epoch = -1;

  constructor(content: TlsContent, kit: TlsKit, owner: TlsOwner) {
    this.content = content;
    this.kit = kit;
    this.owner = owner;
    this.defaultCertificate = content.defaultCertificate;
  }

  setDefault(certificate: string | null): void {
    this.defaultCertificate = certificate;
  }

  /** Closed when the handshake fails or is too slow; the raw socket's `close` tells. */
  accept(raw: Socket): void {
    const key = keyOf(raw);
    if (key === null) {
      raw.destroy();
      return;
    }
    let server: Server;
    try {
      server = this.current();
    } catch (error) {
      // A policy that this OpenSSL does not know: nobody is served, and everything else goes on.
      this.kit.onUnusable('', error instanceof Error ? error.message : String(error));
      raw.destroy();
      return;
    }
    this.pending.set(key, raw);
    raw.once('close', () => this.forget(key, raw));
    server.emit('connection', raw);
  }

  private forget(key: string, raw: Socket): void {
    if (this.pending.get(key) === raw) this.pending.delete(key);
  }

  private onSecure(socket: TLSSocket): void {
    const key = keyOf(socket);
    const raw = key === null ? undefined : this.pending.get(key);
    if (key === null || raw === undefined || !this.admits(socket)) {
      socket.destroy();
      return;
    }
    this.pending.delete(key);
    tieTransport(socket, raw);
    this.owner.onSecure(raw, socket);
  }

  /** Where certificates are optional, one that is presented must be good all the same. */
  private admits(socket: TLSSocket): boolean {
    switch (this.content.clientAuth) {
      case 'none':
        return true;
      case 'optional':
        return socket.authorized || socket.getPeerX509Certificate() === undefined;
      case 'required':
        return socket.authorized;
      default:
        return this.content.clientAuth satisfies never;
    }
  }

  private current(): Server {
    const served = this.defaultCertificate === null ? null : this.kit.certificates.find(this.defaultCertificate);
    const epoch = Math.floor(this.kit.wallClock() / ticketEpochMs);
    if (this.server !== null && served === this.servedByDefault && epoch === this.epoch) return this.server;
    this.servedByDefault = served;
    this.epoch = epoch;
    this.server = this.createServer(served, epoch);
    return this.server;
  }

  private createServer(served: ServedCertificate | null, epoch: number): Server {
    const { content } = this;
    const { clientAuth, ca, crl } = content;
    // Made first by itself: one that OpenSSL refuses must not take the port with it.
    const usable = served !== null && this.contextOf(served) !== null ? served : null;
    const server = createServer({
      ...this.contextOptions(usable),
      ticketKeys: ticketKeys(this.kit.ticketSecret, epoch, { listener: this.kit.listener, clientAuth, ca, crl }),
      sessionIdContext: clientPolicyHash({ clientAuth, ca, crl }),
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'required',
      ALPNProtocols: protocols,
      handshakeTimeout: this.owner.handshakeTimeout,
      SNICallback: (name, done) => done(null, this.contextFor(name)),
    });
    server.on('secureConnection', (socket) => this.onSecure(socket));
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }

  /** undefined = the default one. */
  private contextFor(servername: string): SecureContext | undefined {
    const served = this.kit.certificates.select(servername.toLowerCase().replace(/\.$/, ''));
    return served === null ? undefined : (this.contextOf(served) ?? undefined);
  }

  private contextOf(served: ServedCertificate): SecureContext | null {
    const known = this.contexts.get(served.name);
    if (known?.served === served) return known.context;
    const context = this.createContext(served);
    this.contexts.delete(served.name);
    const [oldest] = this.contexts.keys();
    if (this.contexts.size >= maxContexts && oldest !== undefined) this.contexts.delete(oldest);
    this.contexts.set(served.name, { served, context });
    return context;
  }

  private createContext(served: ServedCertificate): SecureContext | null {
    try {
      return createSecureContext(this.contextOptions(served));
    } catch (error) {
      this.kit.onUnusable(served.name, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  /**
   * Of the certificate's and of the default context alike: once a name has selected a certificate, OpenSSL judges the
   * client by what stands in that context. An empty list of authorities keeps Node from trusting the web's.
   */
  private contextOptions(served: ServedCertificate | null) {
    const { minVersion, maxVersion, ciphers, curves, clientAuth, ca, crl } = this.content;
    return {
      ...(served === null ? {} : { cert: served.content.certificate, key: served.content.key }),
      ca: ca === '' ? [] : ca,
      ...(crl === '' ? {} : { crl }),
      minVersion,
      maxVersion,
      ciphers: ciphers.join(':'),
      ecdhCurve: curves.join(':'),
      honorCipherOrder: true,
      secureOptions: clientAuth === 'none' ? always : always | constants.SSL_OP_NO_TICKET,
    };
  }
}

/** The same for a socket and for the one that is made around it; null when the connection is gone. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort} ${localAddress}`;
}
