// Names of fields that go out, looked up as they are spelt: what HTTP/2 makes of them is worked out once per spelling.

import { validToken } from '#proxy/http1/chars.ts';
import { staticNames } from './static-table.ts';

export const outgoing = {
  /** Written as it is. */
  plain: 0,
  /** Never put into a table (RFC 7541 7.1.3), and marked so for those that pass it on. */
  secret: 1,
  /** Of one connection, or not ours to pass on: left out (RFC 9113 8.2.2). */
  dropped: 2,
  contentLength: 3,
  date: 4,
  cookie: 5,
  te: 6,
  host: 7,
  invalid: 8,
} as const;

export interface OutgoingName {
  readonly use: number;
  /** Index in the static table, 0 = none. */
  readonly index: number;
  /** In lower case. */
  readonly name: string;
  /** A repeated value is worth a place in the dynamic table. */
  readonly repeats: boolean;
}

const uses: Readonly<Record<string, number>> = {
  connection: outgoing.dropped,
  'keep-alive': outgoing.dropped,
  'proxy-connection': outgoing.dropped,
  'transfer-encoding': outgoing.dropped,
  upgrade: outgoing.dropped,
  'http2-settings': outgoing.dropped,
  trailer: outgoing.dropped,
  expect: outgoing.dropped,
  te: outgoing.te,
  host: outgoing.host,
  cookie: outgoing.cookie,
  'content-length': outgoing.contentLength,
  date: outgoing.date,
  authorization: outgoing.secret,
  'proxy-authorization': outgoing.secret,
  'set-cookie': outgoing.secret,
};

/** Their values differ nearly every time. */
const changing: ReadonlySet<string> = new Set([
  'content-length',
  'content-range',
  'etag',
  'last-modified',
  'location',
  'range',
  'age',
  'if-none-match',
  'if-modified-since',
  'x-request-id',
  'traceparent',
  'x-forwarded-for',
]);

/** Spellings that peers can make us remember. */
const maxNames = 2048;
const names = new Map<string, OutgoingName>();

export function outgoingName(name: string): OutgoingName {
  const known = names.get(name);
  if (known !== undefined) return known;
  const judged = judge(name);
  if (names.size < maxNames && name.length <= 64) names.set(name, judged);
  return judged;
}

function judge(name: string): OutgoingName {
  const lower = name.toLowerCase();
  const use = validToken(name) ? (uses[lower] ?? outgoing.plain) : outgoing.invalid;
  const repeats = (use === outgoing.plain || use === outgoing.date) && !changing.has(lower);
  return { use, index: staticNames.get(lower) ?? 0, name: lower, repeats };
}
