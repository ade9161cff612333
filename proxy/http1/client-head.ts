// The head of a request as it goes upstream: one latin1 string. Names keep their order and case; Host comes first
// (RFC 9112 3.2); framing is ours alone. Connection-level fields were taken out by the parser, but a filter may have
// built or changed the request, so they are left out here again, and a name or value that would break the line is
// refused rather than sent.

import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { type HeaderList, sameName } from '#proxy/exchange/headers.ts';
import { validToken, validValue } from './chars.ts';

export interface RequestLine {
  /** Text put before the target; `` for none. */
  readonly pathPrefix: string;
  readonly host: string;
  /** Bytes of the body: -1 = chunked, -2 = there is none. */
  readonly bodyLength: number;
  /** The request may ask for an upgrade. */
  readonly upgrade: boolean;
}

export const noBody = -2;

/** Appended to what a request or response already says (RFC 9110 7.6.3). */
export const viaName = 'Via';
export const viaValue = '1.1 easegress';

/** The head with its empty line, or null when it cannot be sent as HTTP/1.1. */
export function requestHead(request: RequestHead, line: RequestLine): string | null {
  const { method, target } = request;
  const path = line.pathPrefix === '' || target === '*' ? target : line.pathPrefix + target;
  if (!validToken(method) || !validTarget(path) || !validTarget(line.host)) return null;
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${line.host}\r\n`;
  let upgrade = '';
  const { names, values } = request.headers;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as string;
    const use = fieldUse(name);
    if (use === 'drop') continue;
    if (use === 'upgrade') {
      upgrade = value;
      continue;
    }
    if (!validToken(name) || !validValue(value)) return null;
    head += `${name}: ${value}\r\n`;
  }
  head += `${viaName}: ${viaValue}\r\n`;
  // Cleartext HTTP/2 by upgrade would be a tunnel past every rule of the gateway (h2c smuggling).
  if (line.upgrade && upgrade !== '' && validValue(upgrade) && !upgrade.toLowerCase().includes('h2c')) {
    head += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  }
  return head + framing(method, line.bodyLength) + '\r\n';
}

/** Fields of a chunked body's end, with the final empty line. Names that frame or route were taken out when read. */
export function trailerSection(trailers: HeaderList | null): string {
  if (trailers === null) return '0\r\n\r\n';
  let text = '0\r\n';
  const { names, values } = trailers;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as string;
    if (validToken(name) && validValue(value) && fieldUse(name) === 'keep') text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

function framing(method: string, length: number): string {
  if (length >= 0) return `Content-Length: ${length}\r\n`;
  if (length === -1) return 'Transfer-Encoding: chunked\r\n';
  // Methods whose meaning includes a body say that there is none (RFC 9110 8.6).
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 'Content-Length: 0\r\n' : '';
}

function validTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f || code > 0xff) return false;
  }
  return text.length > 0;
}

type FieldUse = 'keep' | 'drop' | 'upgrade';

/** What becomes of a request field. The length of the name and its first letter settle nearly every case. */
function fieldUse(name: string): FieldUse {
  const first = name.charCodeAt(0) | 0x20;
  switch (name.length) {
    case 2:
      return first === 0x74 && sameName(name, 'te') ? 'drop' : 'keep';
    case 4:
      return first === 0x68 && sameName(name, 'host') ? 'drop' : 'keep';
    case 6:
      return first === 0x65 && sameName(name, 'expect') ? 'drop' : 'keep';
    case 7:
      if (first === 0x75 && sameName(name, 'upgrade')) return 'upgrade';
      return first === 0x74 && sameName(name, 'trailer') ? 'drop' : 'keep';
    case 10:
      return (first === 0x63 && sameName(name, 'connection')) || (first === 0x6b && sameName(name, 'keep-alive'))
        ? 'drop'
        : 'keep';
    case 14:
      return (first === 0x63 && sameName(name, 'content-length')) ||
        (first === 0x68 && sameName(name, 'http2-settings'))
        ? 'drop'
        : 'keep';
    case 16:
      return first === 0x70 && sameName(name, 'proxy-connection') ? 'drop' : 'keep';
    case 17:
      return first === 0x74 && sameName(name, 'transfer-encoding') ? 'drop' : 'keep';
    case 18:
      return first === 0x70 && sameName(name, 'proxy-authenticate') ? 'drop' : 'keep';
    case 19:
      return first === 0x70 && sameName(name, 'proxy-authorization') ? 'drop' : 'keep';
    default:
      return 'keep';
  }
}
