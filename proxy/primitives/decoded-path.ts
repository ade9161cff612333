// The path of a request target as every decision reads it: percent-decoded exactly once. Router and filters share
// this one reading, so that a spelling (`/%61dmin`) that leads to a route cannot slip past a limit on that path.

/**
 * An escape that is none (`%zz`) stays as it is, all others are decoded, so that no broken escape at the end hides
 * the rest of a path from a rule. Bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, so that nothing
 * is lost when the path is escaped again.
 */
export function decodedPathOf(target: string): string {
  const question = target.indexOf('?');
  const end = question === -1 ? target.length : question;
  for (let i = 0; i < end; i++) {
    const c = target.charCodeAt(i);
    if (c === percent || c > 0x7f) return decodeEscapes(target.slice(0, end));
  }
  return end === target.length ? target : target.slice(0, end);
}

/** `raw` with its escapes decoded, as UTF-8. */
export function decodeEscapes(raw: string): string {
  const bytes = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    const escape = escapeAt(raw, i);
    if (escape >= 0) i += 2;
    bytes[length++] = escape >= 0 ? escape : raw.charCodeAt(i);
  }
  const text = bytes.toString('utf8', 0, length);
  return text.includes('\ufffd') ? decodeLossless(bytes.subarray(0, length)) : text;
}

/** Value of the escape at `i`, or -1. */
export function escapeAt(text: string, i: number): number {
  if (text.charCodeAt(i) !== percent) return -1;
  const high = hexDigit(text.charCodeAt(i + 1));
  const low = hexDigit(text.charCodeAt(i + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

const percent = 0x25;

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeLossless(bytes: Buffer): string {
  let text = '';
  let i = 0;
  while (i < bytes.length) {
    const size = characterSize(bytes[i] as number);
    const character = size === 0 ? null : decodeStrict(bytes.subarray(i, i + size));
    text += character ?? String.fromCharCode(0xdc00 + (bytes[i] as number));
    i += character === null ? 1 : size;
  }
  return text;
}

function characterSize(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/** UTF-8 as text, null when it is none. */
export function decodeStrict(bytes: Buffer): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null; // TextDecoder with `fatal` throws for anything that is not UTF-8
  }
}
