// Which upgrades a client may ask for. Everything else is served as the plain request it also is (RFC 9110 7.8).

import type { MessageParser } from './parser.ts';

/**
 * Value of Upgrade when the request may become a tunnel, else ``. Only a GET without a body, because a body and the
 * new protocol could not be told apart; never h2c, which would carry requests past every rule of this gateway.
 */
export function acceptableUpgrade(parser: MessageParser): string {
  const { upgrade } = parser;
  if (upgrade === '' || parser.minor === 0 || parser.hasBody || parser.method !== 'GET') return '';
  for (const protocol of upgrade.split(',')) {
    if (protocol.trim().toLowerCase().startsWith('h2')) return '';
  }
  return upgrade;
}
