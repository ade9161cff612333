// What all connections of a listener share, and who their clients are.

import type { Socket } from 'node:net';
import type { ProxyError, ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { ExchangeHandler, Peer, Scheme } from '#proxy/exchange/exchange.ts';
import type { ConnectionLimits } from './limits.ts';

/** A connection of a client as its listener sees it, whatever it speaks. */
export interface ServedConnection {
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

export function peerOf(socket: Socket): Peer {
  return {
    address: plainAddress(socket.remoteAddress),
    port: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
  };
}

function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
