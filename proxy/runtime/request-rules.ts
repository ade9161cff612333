// Small rules about requests that hold for every owner and route.

import { HeaderList } from '#proxy/exchange/headers.ts';

const acmePrefix = '/.well-known/acme-challenge/';

/** Challenges never reach the rules of an HTTPServer. `path` may be raw or decoded, with or without a query. */
export function isAcmeChallenge(path: string): boolean {
  return path.startsWith(acmePrefix);
}

/** For answers to OPTIONS that are the gateway's own, and to TRACE, which it does not echo (RFC 9110 9.3.7, 9.3.8). */
export function allowedMethods(): HeaderList {
  return HeaderList.of(['Allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']);
}

/** Max-Forwards as a number; -1 when there is none or it is no number (RFC 9110 7.6.2: such a field is ignored). */
export function maxForwards(headers: HeaderList): number {
  const value = headers.get('max-forwards');
  if (value === undefined || value === '' || value.length > 9) return -1;
  let hops = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    hops = hops * 10 + digit;
  }
  return hops;
}
