// The four forms of a request target (RFC 9112 3.2). Bytes are kept as received: routing and the upstream see the same.

import { authorityEnd, schemeLength, validAuthority } from './authority.ts';

/** Filled by readTarget and overwritten by the next call: no object per request. */
const place = { target: '', authority: '', failStatus: 0, failText: '' };

/** `host` is the value of Host, `` when there was none. */
export function readTarget(method: string, target: string, host: string): Readonly<typeof place> {
  place.failStatus = 0;
  if (host !== '' && !validAuthority(host)) return fail(400, 'invalid Host');
  place.authority = host;
  place.target = target;
  // CONNECT asks for a tunnel to anywhere; a gateway has none to give (RFC 9110 9.3.6).
  if (method === 'CONNECT') return fail(501, 'CONNECT is not supported');
  if (target.charCodeAt(0) === 0x2f) return place;
  if (target === '*') return method === 'OPTIONS' ? place : fail(400, 'asterisk-form is for OPTIONS');
  return absoluteForm(method, target);
}

/** `http://a.test/p?q`: its authority wins over Host (RFC 9112 3.2.2). */
function absoluteForm(method: string, target: string): Readonly<typeof place> {
  const start = schemeLength(target);
  if (start === 0) return fail(400, 'invalid request target');
  const end = authorityEnd(target, start);
  const authority = target.slice(start, end);
  // Also refuses userinfo, which has no place in a request (RFC 9110 4.2.4).
  if (!validAuthority(authority)) return fail(400, 'invalid authority in the request target');
  place.authority = authority;
  const rest = target.slice(end);
  if (rest === '') place.target = method === 'OPTIONS' ? '*' : '/';
  else place.target = rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`;
  return place;
}

function fail(status: number, text: string): Readonly<typeof place> {
  place.failStatus = status;
  place.failText = text;
  return place;
}
