// What a request head must be beyond its fields: method, scheme, target and authority (RFC 9113 8.3.1). What is wrong
// here is answered, where the message itself is sound.

import type { ProxyErrorCode } from '#proxy/exchange/error.ts';
import { sameName } from '#proxy/exchange/headers.ts';
import { validAuthority } from '#proxy/http1/authority.ts';
import { classes, isTarget, validToken } from '#proxy/http1/chars.ts';
import type { FieldBlock } from './field-block.ts';

export interface Refusal {
  readonly code: ProxyErrorCode;
  readonly text: string;
}

export function judgeRequest(block: FieldBlock, maxTargetBytes: number): Refusal | null {
  const { method, path, scheme, authority, host } = block;
  if (block.tooLarge) return refusal('HeadersTooLarge', 'the field list is too large');
  if (!validToken(method)) return refusal('BadRequest', 'invalid method');
  // A gateway has no tunnels to give (RFC 9113 8.5, RFC 9110 9.3.6).
  if (method === 'CONNECT') return refusal('MethodNotImplemented', 'CONNECT is not supported');
  if (scheme !== 'http' && scheme !== 'https') return refusal('BadRequest', 'unknown scheme');
  if (path.length > maxTargetBytes) return refusal('UriTooLong', 'the target is too long');
  if (!validPath(path, method)) return refusal('BadRequest', 'invalid :path');
  if (block.hosts > 1) return refusal('BadRequest', 'more than one host');
  if (authority === '' && host === '') return refusal('BadRequest', 'no authority');
  // Whoever looks at one and acts by the other is deceived.
  if (authority !== '' && block.hosts === 1 && !sameName(host, authority.toLowerCase())) {
    return refusal('BadRequest', ':authority and host differ');
  }
  if (!validAuthority(authority === '' ? host : authority)) return refusal('BadRequest', 'invalid authority');
  if (block.expect !== '' && !sameName(block.expect, '100-continue')) {
    return refusal('ExpectationFailed', 'unknown expectation');
  }
  return null;
}

function refusal(code: ProxyErrorCode, text: string): Refusal {
  return { code, text };
}

function validPath(path: string, method: string): boolean {
  if (path.charCodeAt(0) !== 0x2f) return path === '*' && method === 'OPTIONS';
  for (let i = 1; i < path.length; i++) if (((classes[path.charCodeAt(i)] as number) & isTarget) === 0) return false;
  return true;
}
