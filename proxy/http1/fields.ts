// Reads the fields of a scanned head once: what frames the message or belongs to the connection is taken out, the rest
// becomes the header list. No map is built; a field is recognised by the length of its name and then its letters.

import { HeaderList, sameName } from '#proxy/exchange/headers.ts';
import type { HeadScanner } from './head-scanner.ts';

/** Filled by readFields and overwritten by the next call: no object per message but the list. */
const framing = {
  headers: new HeaderList(),
  host: '',
  hosts: 0,
  /** -1 = none. */
  contentLength: -1,
  chunked: false,
  close: false,
  keepAlive: false,
  upgrade: '',
  expect: '',
  teTrailers: false,
  failStatus: 0,
  failText: '',
};

const maxListed = 100;

/** Connection options that name fields to be removed; nearly always empty. */
let listed: string[] = [];
let codings = 0;
let upgradeListed = false;
let upgradeValue = '';

export function readFields(scanner: HeadScanner, response: boolean): Readonly<typeof framing> {
  const headers = new HeaderList();
  framing.headers = headers;
  framing.host = '';
  framing.hosts = 0;
  framing.contentLength = -1;
  framing.chunked = false;
  framing.close = false;
  framing.keepAlive = false;
  framing.upgrade = '';
  framing.expect = '';
  framing.teTrailers = false;
  framing.failStatus = 0;
  codings = 0;
  upgradeListed = false;
  upgradeValue = '';
  const { fields } = scanner;
  for (let i = 0; i < fields; i++) {
    const name = scanner.nameOf(i);
    const value = scanner.valueOf(i);
    if (!special(name, value, response)) {
      headers.names.push(name);
      headers.values.push(value);
    } else if (codings > 0 && name.length === 17 && scanner.tabBehind(i)) {
      // White space by RFC 9110 5.6.3, but part of an unknown coding to some readers, Node's parser among them.
      fail(400, 'tab behind Transfer-Encoding');
    }
  }
  if (codings > 0 && framing.contentLength >= 0) fail(400, 'Content-Length beside Transfer-Encoding');
  if (upgradeListed) framing.upgrade = upgradeValue;
  if (listed.length > 0) removeListed(headers);
  return framing;
}

/** Trailers that may go on: no framing, routing, authentication or description of the content (RFC 9110 6.5.1). */
export function readTrailers(scanner: HeadScanner): HeaderList | null {
  const trailers = new HeaderList();
  for (let i = 0; i < scanner.fields; i++) {
    const name = scanner.nameOf(i);
    if (!forbiddenTrailer(name.toLowerCase())) trailers.append(name, scanner.valueOf(i));
  }
  return trailers.length === 0 ? null : trailers;
}

/** `lower` names a field that a trailer section must not have. */
export function forbiddenTrailer(lower: string): boolean {
  return forbiddenTrailers.has(lower);
}

/** True when the field is taken out of the list. */
function special(name: string, value: string, response: boolean): boolean {
  switch (name.length) {
    case 2:
      if (!sameName(name, 'te')) return false;
      if (hasToken(value, 'trailers')) framing.teTrailers = true;
      return true;
    case 4:
      if (response || !sameName(name, 'host')) return false;
      framing.hosts++;
      framing.host = value;
      return true;
    case 6:
      if (response || !sameName(name, 'expect')) return false;
      framing.expect = framing.expect === '' ? value : `${framing.expect}, ${value}`;
      return true;
    case 7:
      if (sameName(name, 'trailer')) return true;
      // Names places where the origin is, not the gateway (RFC 7838 3).
      if (response && sameName(name, 'alt-svc')) return true;
      if (!sameName(name, 'upgrade')) return false;
      upgradeValue = upgradeValue === '' ? value : `${upgradeValue}, ${value}`;
      return true;
    case 10:
      if (sameName(name, 'keep-alive')) return true;
      if (!sameName(name, 'connection')) return false;
      readConnection(value);
      return true;
    case 14:
      if (sameName(name, 'content-length')) readContentLength(value);
      return false;
    case 16:
      return sameName(name, 'proxy-connection');
    case 17:
      if (!sameName(name, 'transfer-encoding')) return false;
      readTransferEncoding(value);
      return true;
    default:
      return false;
  }
}

function readContentLength(value: string): void {
  if (framing.contentLength !== -1) fail(400, 'more than one Content-Length');
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) fail(400, 'invalid Content-Length');
    length = length * 10 + digit;
  }
  if (value.length === 0 || value.length > 16 || length > Number.MAX_SAFE_INTEGER) fail(400, 'invalid Content-Length');
  framing.contentLength = length;
}

/** Only `chunked`, once and alone; others are not implemented, and what follows chunked is wrong (RFC 9112 6.1). */
function readTransferEncoding(value: string): void {
  if (++codings > 1) {
    fail(400, 'more than one Transfer-Encoding');
  } else if (value.length === 7 && value.toLowerCase() === 'chunked') {
    framing.chunked = true;
  } else if (value.toLowerCase().includes('chunked')) {
    fail(400, 'invalid Transfer-Encoding');
  } else {
    fail(501, 'unknown Transfer-Encoding');
  }
}

function readConnection(value: string): void {
  let start = 0;
  for (let i = 0; i <= value.length; i++) {
    if (i < value.length && value.charCodeAt(i) !== 0x2c) continue;
    const option = trim(value, start, i);
    start = i + 1;
    if (sameName(option, 'keep-alive')) framing.keepAlive = true;
    else if (sameName(option, 'close')) framing.close = true;
    else if (sameName(option, 'upgrade')) upgradeListed = true;
    else if (listed.length === maxListed) fail(400, 'too many connection options');
    else if (option !== '') listed.push(option.toLowerCase());
  }
}

function removeListed(headers: HeaderList): void {
  // Content-Length frames the message and cannot be a matter of the connection, whatever a sender says.
  for (const name of listed) if (name !== 'content-length') headers.delete(name);
  listed = [];
}

/** True when the comma-separated `value` has the member `lower`, without parameters. */
function hasToken(value: string, lower: string): boolean {
  let start = 0;
  for (let i = 0; i <= value.length; i++) {
    if (i < value.length && value.charCodeAt(i) !== 0x2c) continue;
    if (sameName(trim(value, start, i), lower)) return true;
    start = i + 1;
  }
  return false;
}

function trim(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The first failure stands. */
function fail(status: number, text: string): void {
  if (framing.failStatus !== 0) return;
  framing.failStatus = status;
  framing.failText = text;
}

const forbiddenTrailers: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);
