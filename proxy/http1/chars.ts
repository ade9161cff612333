// Byte classes of RFC 9110 and 9112 as one table of 256 entries, so that a scanner asks one question per byte.

export const isToken = 1;
/** Inside a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5). */
export const isValue = 2;
/** Inside a request target: visible ASCII but `#`. Whoever sends more must percent-encode it (RFC 9112 3.2). */
export const isTarget = 4;
/** Inside a host name: RFC 3986 3.2.2 reg-name, but no comma, which only ever meant a joined list. */
export const isHost = 8;
export const isDigit = 16;
/** Inside an IPv6 literal. */
export const isIpv6 = 32;

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

export const classes: Uint8Array = new Uint8Array(256);
/** Value of a hexadecimal digit, 255 for anything else. */
export const hexValues: Uint8Array = new Uint8Array(256).fill(255);

function mark(characters: string, bits: number): void {
  for (let i = 0; i < characters.length; i++) {
    const code = characters.charCodeAt(i);
    classes[code] = (classes[code] as number) | bits;
  }
}

const digits = '0123456789';
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
mark(digits + letters + "!#$%&'*+-.^_`|~", isToken);
mark(digits + letters + "-._~%!$&'()*+;=", isHost);
mark(digits, isDigit);
mark(`${digits}abcdefABCDEF:.`, isIpv6);
for (let code = 0x21; code <= 0x7e; code++) {
  classes[code] = (classes[code] as number) | isValue | (code === 0x23 ? 0 : isTarget);
}
for (let code = 0x80; code <= 0xff; code++) classes[code] = (classes[code] as number) | isValue;
mark('\t ', isValue);
for (let i = 0; i < 10; i++) hexValues[48 + i] = i;
for (let i = 0; i < 6; i++) {
  hexValues[65 + i] = 10 + i;
  hexValues[97 + i] = 10 + i;
}

/** True for a non-empty token (RFC 9110 5.6.2). */
export function validToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || ((classes[code] as number) & isToken) === 0) return false;
  }
  return text.length > 0;
}

/** True for text that may stand in a field value: no control characters, one byte per character. */
export function validValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255 || ((classes[code] as number) & isValue) === 0) return false;
  }
  return true;
}
