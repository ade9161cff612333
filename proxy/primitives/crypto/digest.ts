// Hashing. Key and certificate parsing will stand beside it; nothing outside this folder uses node:crypto for them.

import { hash } from 'node:crypto';

export function sha256(data: string | Uint8Array): Buffer {
  return hash('sha256', data, 'buffer');
}
