// Judges and splits the place a request is for: the Host field and the request target. Works on strings that the
// parser has already checked byte by byte; it never normalises, because what is routed must be what is forwarded.

import { classes, COLON, isDigit, isHost, isIpv6 } from './chars.ts';

/** True for `host[:port]` with a non-empty host, without userinfo, path, list or spaces (RFC 9112 3.2). */
export function validAuthority(text: string): boolean {
  let i = 0;
  if (text.charCodeAt(0) === 0x5b) {
    const close = text.indexOf(']');
    if (close < 3) return false;
    for (i = 1; i < close; i++) if (!is(text.charCodeAt(i), isIpv6)) return false;
    i++;
  } else {
    while (i < text.length && is(text.charCodeAt(i), isHost)) i++;
    if (i === 0) return false;
  }
  if (i === text.length) return true;
  if (text.charCodeAt(i) !== COLON) return false;
  let port = 0;
  for (i++; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!is(code, isDigit)) return false;
    port = port * 10 + code - 48;
    if (port > 65535) return false;
  }
  return true;
}

function is(code: number, bits: number): boolean {
  return code < 256 && ((classes[code] as number) & bits) !== 0;
}

/** Length of `http://` or `https://` (any case) at the start of an absolute-form target, or 0. */
export function schemeLength(target: string): number {
  if ((target.charCodeAt(0) | 0x20) !== 0x68) return 0;
  const start = target.slice(0, 8).toLowerCase();
  if (start === 'https://') return 8;
  return start.startsWith('http://') ? 7 : 0;
}

/** Index of the first `/` or `?` at or after `from`: the end of the authority. */
export function authorityEnd(target: string, from: number): number {
  for (let i = from; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code === 0x2f || code === 0x3f) return i;
  }
  return target.length;
}
