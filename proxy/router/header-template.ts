// Values of `setHeaders`: text with nginx-like variables, cut into parts once per rule. `$name`, `${name}`,
// `${name:default}` (the default counts when the value is empty); an unknown name is empty; a dollar sign that begins
// no name stands for itself. Values are header bytes, with control characters replaced, because captures and query
// parameters have been percent-decoded.

import type { RequestHead } from '#proxy/exchange/exchange.ts';
import { hostOf } from './host.ts';
import type { Captures } from './route-match.ts';
import { sameAddress } from '#proxy/primitives/ip.ts';
import { headerBytes, queryValue, rawPathOf, rawQueryOf } from './request-path.ts';

/** What variables may look at: the request before it is rewritten. */
export interface TemplateScope {
  readonly head: RequestHead;
  readonly realIp: string;
  /** HTTP version of the client, `1.1`. */
  readonly version: string;
  readonly captures: Captures | null;
}

type Variable = (scope: TemplateScope, argument: string) => string;

interface VariablePart {
  readonly read: Variable;
  readonly argument: string;
  readonly fallback: string;
}

type Part = string | VariablePart;

export interface HeaderSetter {
  /** As stated, for the wire. */
  readonly name: string;
  readonly lower: string;
  /** null = delete the header. */
  readonly parts: readonly Part[] | null;
}

export function compileHeaderSetters(setHeaders: Readonly<Record<string, string>>): readonly HeaderSetter[] {
  return Object.entries(setHeaders).map(([name, value]) => ({
    name,
    lower: name.toLowerCase(),
    parts: value === '' ? null : parseTemplate(value),
  }));
}

export function renderTemplate(parts: readonly Part[], scope: TemplateScope): string {
  let value = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      value += part;
    } else {
      const text = part.read(scope, part.argument);
      value += text === '' ? part.fallback : text;
    }
  }
  return value;
}

export function parseTemplate(template: string): readonly Part[] {
  const parts: Part[] = [];
  let text = '';
  let i = 0;
  while (i < template.length) {
    const dollar = template.indexOf('$', i);
    if (dollar === -1) break;
    text += template.slice(i, dollar);
    const braced = template[dollar + 1] === '{';
    const start = dollar + (braced ? 2 : 1);
    const end = endOfName(template, start);
    const close = braced && end > start ? closingBrace(template, end) : end;
    if (end === start || close === -1) {
      text += '$';
      i = dollar + 1;
      continue;
    }
    if (text !== '') parts.push(headerBytes(text));
    text = '';
    const fallback = braced && close > end ? headerBytes(template.slice(end + 1, close)) : '';
    parts.push(variable(template.slice(start, end), fallback));
    i = braced ? close + 1 : end;
  }
  text += template.slice(i);
  if (text !== '') parts.push(headerBytes(text));
  return parts;
}

/** Index of the `}` that ends a braced variable whose name ends at `end`, or -1 when it is malformed. */
function closingBrace(template: string, end: number): number {
  if (template[end] === '}') return end;
  return template[end] === ':' ? template.indexOf('}', end) : -1;
}

function endOfName(template: string, start: number): number {
  let end = start;
  while (end < template.length) {
    const c = template.charCodeAt(end);
    const letter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f;
    const digit = c >= 0x30 && c <= 0x39;
    if (!letter && !(digit && end > start)) break;
    end++;
  }
  return end;
}

function variable(name: string, fallback: string): VariablePart {
  const plain = variables.get(name);
  if (plain !== undefined) return { read: plain, argument: '', fallback };
  for (const [prefix, read] of families) {
    if (name.startsWith(prefix)) {
      const rest = name.slice(prefix.length);
      return { read, argument: prefix === 'http_' ? rest.toLowerCase().replaceAll('_', '-') : rest, fallback };
    }
  }
  return { read: capture, argument: name, fallback };
}

const host: Variable = ({ head }) => hostOf(head.authority) ?? '';
const query: Variable = ({ head }) => rawQueryOf(head.target).slice(1);
const length: Variable = ({ head }) => head.headers.get('content-length') ?? '0';
const capture: Variable = ({ captures }, name) => headerBytes(captures?.get(name) ?? '');

const variables: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ['request_method', ({ head }) => head.method],
  ['request_uri', ({ head }) => head.target],
  ['uri', ({ head }) => rawPathOf(head.target)],
  ['args', query],
  ['query_string', query],
  ['scheme', ({ head }) => head.scheme],
  ['server_protocol', protocol],
  ['request', (scope) => `${scope.head.method} ${scope.head.target} ${protocol(scope)}`],
  ['host', host],
  ['hostname', host],
  ['server_name', host],
  ['http_host', ({ head }) => head.authority],
  ['remote_addr', ({ realIp }) => realIp],
  ['remote_user', remoteUser],
  ['proxy_add_x_forwarded_for', addForwardedFor],
  ['time_iso8601', () => localTime().iso],
  ['time_local', () => localTime().common],
  ['msec', () => String(Date.now())],
  ['content_type', ({ head }) => head.headers.get('content-type') ?? ''],
  ['content_length', length],
  ['request_length', length],
  ['request_time', () => '0.000'],
]);

const families: readonly (readonly [prefix: string, read: Variable])[] = [
  ['http_', ({ head }, name) => head.headers.get(name) ?? ''],
  ['arg_', ({ head }, name) => headerBytes(queryValue(head.target, name))],
  ['cookie_', ({ head }, name) => cookie(head, name)],
];

function protocol({ version }: TemplateScope): string {
  return version === '2' ? 'HTTP/2.0' : `HTTP/${version}`;
}

/** User name of Basic credentials (RFC 7617), never the password. */
function remoteUser({ head }: TemplateScope): string {
  const value = head.headers.get('authorization') ?? '';
  if (value.slice(0, 6).toLowerCase() !== 'basic ') return '';
  const credentials = Buffer.from(value.slice(6).trim(), 'base64').toString('utf8');
  const colon = credentials.indexOf(':');
  return colon === -1 ? '' : headerBytes(credentials.slice(0, colon));
}

/** X-Forwarded-For has been written when a route's variables are read; only an address that is not in it is added. */
function addForwardedFor({ head, realIp }: TemplateScope): string {
  const before = head.headers.getAll('x-forwarded-for').join(', ');
  if (before === '') return realIp;
  return before.split(',').some((entry) => sameAddress(entry.trim(), realIp)) ? before : `${before}, ${realIp}`;
}

/** First cookie of that name (RFC 6265 5.4; values may be quoted, 4.1.1). */
function cookie(head: RequestHead, name: string): string {
  for (const value of head.headers.getAll('cookie')) {
    for (const pair of value.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      const found = pair.slice(equals + 1).trim();
      return found.length > 1 && found.startsWith('"') && found.endsWith('"') ? found.slice(1, -1) : found;
    }
  }
  return '';
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** nginx's two spellings of now: `2024-01-31T08:15:00+01:00` and `31/Jan/2024:08:15:00 +0100`. */
function localTime(): { iso: string; common: string } {
  const now = new Date();
  const offset = -now.getTimezoneOffset();
  const sign = offset < 0 ? '-' : '+';
  const hours = two(Math.floor(Math.abs(offset) / 60));
  const minutes = two(Math.abs(offset) % 60);
  const day = two(now.getDate());
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return {
    iso: `${now.getFullYear()}-${two(now.getMonth() + 1)}-${day}T${time}${sign}${hours}:${minutes}`,
    common: `${day}/${months[now.getMonth()]}/${now.getFullYear()}:${time} ${sign}${hours}${minutes}`,
  };
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
