// The request target as the router reads it.
//
// One reading for the decision and for the upstream (no bypass by spelling): rules are compared with the path
// percent-decoded exactly once, and what goes upstream is either the bytes that came in, untouched, or a path made
// from that same decoded text and escaped again. Dot segments, empty segments, backslashes and `;` parameters are
// ordinary text in both (Easegress normalises nothing), so `/a/../admin` is decided as what it is forwarded as:
// a path below `/a`.

import { decodeEscapes, decodeStrict, escapeAt } from '#proxy/primitives/decoded-path.ts';

/** Path part of a target, raw. */
export function rawPathOf(target: string): string {
  const question = target.indexOf('?');
  return question === -1 ? target : target.slice(0, question);
}

/** Query part with its `?`, or ``. */
export function rawQueryOf(target: string): string {
  const question = target.indexOf('?');
  return question === -1 ? '' : target.slice(question);
}

/**
 * Percent-encodes what RFC 3986 3.3 does not allow in a path. The result is printable ASCII without spaces, `?` and
 * `#`: it can neither end the request line nor begin a query. It always begins with `/`, because it follows an
 * authority.
 */
export function escapePath(path: string): string {
  let safe = true;
  for (let i = 0; i < path.length; i++) {
    if (!isPathChar(path.charCodeAt(i))) {
      safe = false;
      break;
    }
  }
  const escaped = safe ? path : escapeBytes(path);
  return escaped.startsWith('/') ? escaped : `/${escaped}`;
}

/** What of `rawPath` lies behind its first `bytes` decoded bytes; itself untouched. */
export function rawRest(rawPath: string, bytes: number): string {
  let i = 0;
  for (let n = 0; n < bytes && i < rawPath.length; n++) i += escapeAt(rawPath, i) >= 0 ? 3 : 1;
  return rawPath.slice(i);
}

/** First value of a query parameter as Go's url.Query().Get gives it: decoded, `` when missing or malformed. */
export function queryValue(target: string, key: string): string {
  let from = target.indexOf('?') + 1;
  if (from === 0) return '';
  while (from <= target.length) {
    let end = target.indexOf('&', from);
    if (end === -1) end = target.length;
    let equals = target.indexOf('=', from);
    if (equals === -1 || equals > end) equals = end;
    if (end > from && isKey(target, from, equals, key)) {
      const value = equals === end ? '' : decodeQuery(target.slice(equals + 1, end));
      if (value !== null && !hasSemicolon(target, from, end)) return value;
    }
    from = end + 1;
  }
  return '';
}

/** Header bytes (one character per byte) as text; the bytes as they are when they are no UTF-8. */
export function headerText(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) return utf8OrBytes(value);
  }
  return value;
}

/** Text as header bytes. Control characters become spaces: a variable can never end a field or begin a new one. */
export function headerBytes(text: string): string {
  let clean = true;
  let ascii = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) clean = false;
    else if (c > 0x7f) ascii = false;
  }
  const bytes = ascii ? text : Buffer.from(text, 'utf8').toString('latin1');
  return clean ? bytes : bytes.replace(controlCharacters, ' ');
}

const percent = 0x25;
const plus = 0x2b;
// oxlint-disable-next-line no-control-regex -- these are what it is for; only reached with such characters
const controlCharacters = /[\0-\x1f\x7f]/g;

function escapeBytes(path: string): string {
  let out = '';
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (isPathChar(c)) {
      out += path[i];
    } else if (c >= 0xdc80 && c <= 0xdcff) {
      out += hex(c - 0xdc00);
    } else {
      const character = String.fromCodePoint(path.codePointAt(i) as number);
      i += character.length - 1;
      for (const byte of Buffer.from(character, 'utf8')) out += hex(byte);
    }
  }
  return out;
}

function hex(byte: number): string {
  return byte < 16 ? `%0${byte.toString(16).toUpperCase()}` : `%${byte.toString(16).toUpperCase()}`;
}

/** unreserved / sub-delims / `:` / `@` / `/` (RFC 3986 3.3). */
function isPathChar(c: number): boolean {
  if (c >= 0x61 && c <= 0x7a) return true;
  if (c >= 0x26 && c <= 0x3b) return true; // & ' ( ) * + , - . / 0-9 : ;
  if (c >= 0x40 && c <= 0x5a) return true; // @ A-Z
  return c === 0x21 || c === 0x24 || c === 0x3d || c === 0x5f || c === 0x7e; // ! $ = _ ~
}

function isKey(target: string, from: number, to: number, key: string): boolean {
  for (let i = from; i < to; i++) {
    const c = target.charCodeAt(i);
    if (c === percent || c === plus || c > 0x7f) return decodeQuery(target.slice(from, to)) === key;
  }
  return to - from === key.length && target.startsWith(key, from);
}

function hasSemicolon(target: string, from: number, to: number): boolean {
  const i = target.indexOf(';', from);
  return i !== -1 && i < to;
}

/** null when an escape is malformed: Go leaves such a pair out. */
function decodeQuery(raw: string): string | null {
  let plain = true;
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charCodeAt(i);
    if (c === percent && escapeAt(raw, i) < 0) return null;
    if (c === percent || c === plus || c > 0x7f) plain = false;
  }
  return plain ? raw : decodeEscapes(raw.replaceAll('+', ' '));
}

function utf8OrBytes(value: string): string {
  return decodeStrict(Buffer.from(value, 'latin1')) ?? value;
}
