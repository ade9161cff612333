// What all connections of a listener share, and who their clients are.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ProxyError, ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { ExchangeHandler, Peer, PeerCertificate, PeerTls, Scheme } from '#proxy/exchange/exchange.ts';
import type { ConnectionLimits } from './limits.ts';

/** A connection of a client as its listener sees it, whatever it speaks. */
export interface ServedConnection {
  /** Bytes kept in memory for it. */
  readonly buffered: number;
  /** Ends it if all that it has sent is the beginning of a head; returns the bytes that this frees. */
  dropHead(): number;
  sweep(now: number): void;
  /** The listener is closing: ends when idle, else with its next answer. */
  close(): void;
  destroy(): void;
}

/** Read at each request, so that changes act at once. */
export interface ServerContext {
  handler: ExchangeHandler;
  readonly scheme: Scheme;
  readonly limits: ConnectionLimits;
  keepAlive: boolean;
  keepAliveTimeout: number;
  /** Every answer ends its connection from now on. */
  closing: boolean;
  /** A request that got no exchange because it could not be read; it has been answered with `cause.status`. */
  onRefused: (cause: ProxyError, peer: Peer) => void;
  onClosed: (connection: ServedConnection) => void;
}

/** Causes for what the parser refuses. */
export const statusErrors: Readonly<Record<number, ProxyErrorCode>> = {
  400: 'BadRequest',
  414: 'UriTooLong',
  431: 'HeadersTooLarge',
  501: 'MethodNotImplemented',
  505: 'VersionNotSupported',
};

const relayedFor: unique symbol = Symbol('relayed for');

interface RelayedSocket extends Socket {
  [relayedFor]?: { readonly address: string; readonly port: number };
}

/** The connection's other end has said, and is believed, that it relays for somebody. */
export function tellClient(socket: Socket, client: { readonly address: string; readonly port: number }): void {
  (socket as RelayedSocket)[relayedFor] = client;
}

/** `socket` speaks TLS over `transport`. */
export function keepClient(socket: Socket, transport: Socket): void {
  const client = (transport as RelayedSocket)[relayedFor];
  if (client !== undefined) tellClient(socket, client);
}

/** The client's address, as peerOf() gives it. */
export function addressOf(socket: Socket): string {
  return (socket as RelayedSocket)[relayedFor]?.address ?? plainAddress(socket.remoteAddress);
}

export function peerOf(socket: Socket): Peer {
  return {
    address: addressOf(socket),
    port: (socket as RelayedSocket)[relayedFor]?.port ?? socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    tls: 'encrypted' in socket ? peerTls(socket as TLSSocket) : undefined,
  };
}

function peerTls(socket: TLSSocket): PeerTls {
  const { servername } = socket as { readonly servername?: string | false | null };
  const certificate = socket.getPeerX509Certificate();
  return {
    servername: typeof servername === 'string' ? servername.toLowerCase().replace(/\.$/, '') : '',
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    // Without a certificate Node may say so of a session that was taken up.
    authorized: socket.authorized && certificate !== undefined,
    certificate: certificate === undefined ? null : peerCertificate(certificate),
  };
}

function peerCertificate(certificate: X509Certificate): PeerCertificate {
  return {
    subject: certificate.subject.replaceAll('\n', ','),
    issuer: certificate.issuer.replaceAll('\n', ','),
    serialNumber: certificate.serialNumber,
    fingerprint: certificate.fingerprint256,
    alternativeNames: certificate.subjectAltName ?? '',
    validTo: certificate.validTo,
  };
}

function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
