// Keys of session tickets (RFC 5077, RFC 8446 4.6.1). A ticket says that its holder has been through a handshake, and
// with client certificates also whom it was: whoever takes it up presents none. So a key serves exactly one listener
// under one policy for client certificates; under another authority or revocation list the ticket is only noise. All
// threads of a proxy derive the same keys, each for itself.

import { hkdfSync, randomBytes } from 'node:crypto';
import { sha256 } from './digest.ts';

export interface TicketScope {
  readonly listener: string;
  /** How clients are asked for certificates, and by what these are judged. */
  readonly clientAuth: string;
  readonly ca: string;
  readonly crl: string;
}

export const ticketEpochMs = 12 * 3_600_000;

export function newTicketSecret(): Uint8Array {
  return randomBytes(32);
}

/** What Node takes: 16 bytes of name, 16 for the MAC, 16 for the cipher. */
export function ticketKeys(secret: Uint8Array, epoch: number, scope: TicketScope): Buffer {
  const info = `easegress session tickets\n${epoch}\n${scope.listener}\n${clientPolicyHash(scope)}`;
  return Buffer.from(hkdfSync('sha256', secret, '', info, 48));
}

/** Hex, of 32 characters: as long as a session id context may be. */
export function clientPolicyHash({ clientAuth, ca, crl }: Omit<TicketScope, 'listener'>): string {
  return sha256(JSON.stringify([clientAuth, ca, crl])).toString('hex', 0, 16);
}
