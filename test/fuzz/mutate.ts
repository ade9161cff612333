// Inputs for the fuzzers of HTTP/1.1: valid messages, and what chance makes of them.

import { Draw } from '#test/conformance/http/draw.ts';

export type Role = 'request' | 'response';

const requests = [
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'POST /a?b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5;x="y"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a.test\r\n\r\nA\r\n0123456789\r\n01\r\nx\r\n000\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-A\r\nX-A: 1\r\nExpect: 100-continue\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nMax-Forwards: 3\r\nVia: 1.1 x\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  'POST / HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabcGET / HTTP/1.0\r\n\r\n',
  'PUT /%41 HTTP/1.1\r\nhost:a\r\nX-A:\t b \t\r\nX-A: \xe4\r\nCookie: a=1; b="2"\r\nContent-Length: 0\r\n\r\n',
];

const responses = [
  'HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n',
  'HTTP/1.1 200 \r\nContent-Type: a\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 3\r\n\r\nabc',
  'HTTP/1.0 200 OK\r\n\r\nuntil close',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil close',
  'HTTP/1.1 204 No\r\nX: y\r\n\r\n',
  'HTTP/1.1 304 Not\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n',
  'HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n1;a=b;c="d\\""\r\nx\r\n00\r\n\r\n',
];

/** Bytes and words that parsers have stumbled over. */
const spice = [
  '\r',
  '\n',
  '\r\n',
  '\n\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  'f',
  '\x0b',
  '\x7f',
  '\xff',
  '"',
  '\\',
  '#',
  '@',
  '+',
  '-',
  '\r\n\r\n',
  'chunked',
  '0\r\n\r\n',
  'Content-Length: 1\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: x, chunked\r\n',
  'Connection: close\r\n',
  'Connection: content-length\r\n',
  'Host: b\r\n',
  ' HTTP/1.1',
  'HTTP/1.0',
  'FFFFFFFFFFFFFFFF',
];

export function seedsOf(role: Role): readonly string[] {
  return role === 'request' ? requests : responses;
}

export function mutated(role: Role, draw: Draw): string {
  const seeds = seedsOf(role);
  let text = draw.pick(seeds);
  if (draw.below(8) === 0) text += draw.pick(seeds);
  for (let change = 1 + draw.below(3); change > 0; change--) {
    const at = draw.below(text.length + 1);
    switch (draw.below(6)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + 1 + draw.below(8));
        break;
      case 1: {
        // A piece of itself, elsewhere.
        const from = draw.below(text.length);
        text = text.slice(0, at) + text.slice(from, from + 1 + draw.below(30)) + text.slice(at);
        break;
      }
      case 2:
        text = text.slice(0, at) + String.fromCharCode(draw.below(256)) + text.slice(at + draw.below(2));
        break;
      case 3: {
        // Before a field.
        const line = text.indexOf('\r\n', at);
        const place = line === -1 ? at : line + 2;
        text = text.slice(0, place) + draw.pick(spice) + text.slice(place);
        break;
      }
      default:
        text = text.slice(0, at) + draw.pick(spice) + text.slice(at + draw.below(2));
    }
  }
  return text;
}

export function noise(draw: Draw): string {
  return Array.from({ length: draw.below(200) }, () =>
    draw.below(3) === 0 ? draw.pick(spice) : String.fromCharCode(draw.below(256)),
  ).join('');
}
