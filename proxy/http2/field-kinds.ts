// What kind of field a name is, as a number, judged once: for the static table at start, for the dynamic table when an
// entry is made, for a literal when it is read. Names and values that RFC 9113 8.2.1 forbids are `malformed`.

import { classes, isToken, isValue } from '#proxy/http1/chars.ts';

export const fieldKind = {
  malformed: 0,
  regular: 1,
  method: 2,
  path: 3,
  scheme: 4,
  authority: 5,
  status: 6,
  /** Of one connection only: must not be in HTTP/2 (RFC 9113 8.2.2). */
  connection: 7,
  te: 8,
  host: 9,
  cookie: 10,
  contentLength: 11,
  expect: 12,
  /** Says what trailers may come; ours to write. */
  trailer: 13,
  priority: 14,
} as const;

const upperA = 65;
const upperZ = 90;

export function kindOf(name: string, value: string): number {
  const kind = kindOfName(name);
  if (kind === fieldKind.malformed) return kind;
  return validFieldValue(value) ? kind : fieldKind.malformed;
}

function kindOfName(name: string): number {
  if (name.charCodeAt(0) === 0x3a) return pseudoKind(name);
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (((classes[code] as number) & isToken) === 0 || (code >= upperA && code <= upperZ)) return fieldKind.malformed;
  }
  switch (name.length) {
    case 0:
      return fieldKind.malformed;
    case 2:
      return name === 'te' ? fieldKind.te : fieldKind.regular;
    case 4:
      return name === 'host' ? fieldKind.host : fieldKind.regular;
    case 6:
      if (name === 'cookie') return fieldKind.cookie;
      return name === 'expect' ? fieldKind.expect : fieldKind.regular;
    case 7:
      if (name === 'trailer') return fieldKind.trailer;
      return name === 'upgrade' ? fieldKind.connection : fieldKind.regular;
    case 8:
      return name === 'priority' ? fieldKind.priority : fieldKind.regular;
    case 10:
      return name === 'connection' || name === 'keep-alive' ? fieldKind.connection : fieldKind.regular;
    case 14:
      return name === 'content-length' ? fieldKind.contentLength : fieldKind.regular;
    case 16:
      return name === 'proxy-connection' ? fieldKind.connection : fieldKind.regular;
    case 17:
      return name === 'transfer-encoding' ? fieldKind.connection : fieldKind.regular;
    default:
      return fieldKind.regular;
  }
}

/** Unknown ones, `:protocol` among them, are malformed: extended CONNECT is not offered (RFC 9113 8.3, RFC 8441). */
function pseudoKind(name: string): number {
  switch (name) {
    case ':method':
      return fieldKind.method;
    case ':path':
      return fieldKind.path;
    case ':scheme':
      return fieldKind.scheme;
    case ':authority':
      return fieldKind.authority;
    case ':status':
      return fieldKind.status;
    default:
      return fieldKind.malformed;
  }
}

/** No control characters, and no white space around (RFC 9113 8.2.1, RFC 9110 5.5). */
function validFieldValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  for (let i = 0; i < length; i++) if (((classes[value.charCodeAt(i)] as number) & isValue) === 0) return false;
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
