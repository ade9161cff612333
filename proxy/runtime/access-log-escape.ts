// Text of clients and upstreams on its way into a log line. A line stays one line, a terminal that shows it stays
// sane, and a quoted field ends where we end it: control characters, quotes, backslashes and all that is not ASCII
// are escaped. Most texts need nothing and are returned as they are.

/** `\xHH`, as nginx writes it; `\u{H…}` above Latin-1. */
export function escapeText(text: string): string {
  return isPlain(text) ? text : escapeWith(text, textEscape);
}

/** A JSON string, in ASCII. */
export function quoteJson(text: string): string {
  return isPlain(text) ? `"${text}"` : `"${escapeWith(text, jsonEscape)}"`;
}

/** Anything but printable ASCII without quote and backslash. Compiled once; half the cost of a loop over the codes. */
const special = /[^ !#-[\]-~]/;

function isPlain(text: string): boolean {
  return !special.test(text);
}

function escapeWith(text: string, escapeCode: (code: number) => string): string {
  let escaped = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const plain = code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c;
    escaped += plain ? text.charAt(i) : escapeCode(code);
  }
  return escaped;
}

function textEscape(code: number): string {
  return code > 0xff ? `\\u{${code.toString(16)}}` : `\\x${code.toString(16).padStart(2, '0')}`;
}

function jsonEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
