// Renders heads of responses. Connection-level fields of `head` are dropped, framing is the caller's, and nothing that
// could end a line early gets out: an invalid name, value or reason gives `` (RFC 9110 5.5, response splitting).

import { STATUS_CODES } from 'node:http';
import { sameName, type HeaderList } from '#proxy/exchange/headers.ts';
import type { ResponseHead } from '#proxy/exchange/exchange.ts';
import { clock } from './clock.ts';
import { validToken, validValue } from './chars.ts';

/** Status lines with standard reasons, made once. */
const statusLines: string[] = [];
const reasons: string[] = [];
for (let status = 100; status < 600; status++) {
  const reason = STATUS_CODES[status] ?? '';
  reasons[status] = reason;
  statusLines[status] = `HTTP/1.1 ${status} ${reason}\r\n`;
}

/** What the caller says about the framing of the message. */
export const framingMode = {
  /** No field about it: 1xx, 204, until close. */
  none: 0,
  /** Content-Length of the head list is kept: HEAD, 304. */
  keep: 1,
  length: 2,
  chunked: 3,
} as const;
export type FramingMode = (typeof framingMode)[keyof typeof framingMode];

/**
 * Head with status line, fields, framing, `connection` (a whole line or ``) and the empty line. `` when something in
 * `head` must not be sent.
 */
export function renderHead(head: ResponseHead, mode: FramingMode, length: number, connection: string): string {
  const line = statusLine(head);
  if (line === '') return '';
  const headers = withoutListed(head.headers);
  const { names, values } = headers;
  let text = line;
  let dated = head.status < 200;
  let declared = false;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as string;
    switch (name.length) {
      case 4:
        if (sameName(name, 'date')) dated = true;
        break;
      case 14:
        if (!sameName(name, 'content-length')) break;
        if (mode !== framingMode.keep || declared) continue;
        declared = true;
        break;
      case 2:
      case 7:
      case 10:
      case 16:
      case 17:
        if (isConnectionField(name) && !(head.status === 101 && sameName(name, 'upgrade'))) continue;
        break;
      default:
    }
    if (!validToken(name) || !validValue(value)) return '';
    text += `${name}: ${value}\r\n`;
  }
  if (!dated) text += clock.date;
  if (mode === framingMode.length || (mode === framingMode.keep && !declared && length >= 0)) {
    text += `Content-Length: ${length}\r\n`;
  } else if (mode === framingMode.chunked) {
    text += 'Transfer-Encoding: chunked\r\n';
  }
  return `${text}${connection}\r\n`;
}

/** The trailer section with its empty line. Invalid fields are left out: the body is already on its way. */
export function renderTrailers(trailers: HeaderList): string {
  let text = '';
  for (let i = 0; i < trailers.length; i++) {
    const name = trailers.names[i] as string;
    const value = trailers.values[i] as string;
    if (isConnectionField(name) || !validToken(name) || !validValue(value)) continue;
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

/** What the gateway answers itself: no body, no word about the inside, and the connection ends. */
export function errorHead(status: number): string {
  return `${statusLines[status] ?? `HTTP/1.1 ${status} \r\n`}${clock.date}Content-Length: 0\r\nConnection: close\r\n\r\n`;
}

function statusLine(head: ResponseHead): string {
  const { status, reason } = head;
  const line = statusLines[status];
  if (line !== undefined && (reason === '' || reason === reasons[status])) return line;
  if (!Number.isInteger(status) || status < 100 || status > 999 || !validValue(reason)) return '';
  return `HTTP/1.1 ${status} ${reason}\r\n`;
}

/** Fields that say something about one connection only (RFC 9110 7.6.1). */
function isConnectionField(name: string): boolean {
  switch (name.length) {
    case 2:
      return sameName(name, 'te');
    case 7:
      return sameName(name, 'trailer') || sameName(name, 'upgrade');
    case 10:
      return sameName(name, 'connection') || sameName(name, 'keep-alive');
    case 16:
      return sameName(name, 'proxy-connection');
    case 17:
      return sameName(name, 'transfer-encoding');
    default:
      return false;
  }
}

/** Fields that Connection names go with it; the list is copied only when there are such. */
export function withoutListed(headers: HeaderList): HeaderList {
  const at = headers.indexOf('connection');
  if (at === -1) return headers;
  const rest = headers.clone();
  for (const value of headers.getAll('connection')) {
    for (const option of value.split(',')) {
      const name = option.trim().toLowerCase();
      if (name !== '' && name !== 'content-length' && name !== 'upgrade') rest.delete(name);
    }
  }
  return rest;
}
