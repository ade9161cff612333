// Senders that never stop: each begins as a message and goes on with the same piece for ever. The parser must refuse
// them within its limits, and what it keeps meanwhile must not grow.

import { parserLimits } from '#proxy/http1/limits.ts';
import { MessageParser, parseEvent } from '#proxy/http1/parser.ts';
import type { Role } from './mutate.ts';

interface Endless {
  readonly name: string;
  readonly role: Role;
  readonly begin: string;
  readonly piece: string;
}

const head = 'POST / HTTP/1.1\r\nHost: a\r\n';
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
const answer = 'HTTP/1.1 200 OK\r\n';

const senders: readonly Endless[] = [
  { name: 'empty lines', role: 'request', begin: '', piece: '\r\n' },
  { name: 'a method', role: 'request', begin: '', piece: 'A' },
  { name: 'a target', role: 'request', begin: 'GET /', piece: 'a' },
  { name: 'a version', role: 'request', begin: 'GET / ', piece: 'H' },
  { name: 'a field name', role: 'request', begin: head, piece: 'x' },
  { name: 'white space before a value', role: 'request', begin: `${head}X:`, piece: ' ' },
  { name: 'a value', role: 'request', begin: `${head}X: `, piece: 'y' },
  { name: 'fields', role: 'request', begin: head, piece: 'X: y\r\n' },
  { name: 'digits of a chunk', role: 'request', begin: chunked, piece: '0' },
  { name: 'an extension', role: 'request', begin: `${chunked}1;`, piece: 'e' },
  { name: 'a quoted extension', role: 'request', begin: `${chunked}1;a="`, piece: '\\"' },
  { name: 'extensions of small chunks', role: 'request', begin: chunked, piece: `1;${'e'.repeat(60)}\r\nx\r\n` },
  { name: 'a trailer', role: 'request', begin: `${chunked}0\r\nX: `, piece: 'y' },
  { name: 'trailers', role: 'request', begin: `${chunked}0\r\n`, piece: 'X: y\r\n' },
  { name: 'a reason', role: 'response', begin: 'HTTP/1.1 200 ', piece: 'y' },
  { name: 'fields of an answer', role: 'response', begin: answer, piece: 'X: y\r\n' },
  { name: 'a value of an answer', role: 'response', begin: `${answer}X: `, piece: 'y' },
  {
    name: 'trailers of an answer',
    role: 'response',
    begin: `${answer}Transfer-Encoding: chunked\r\n\r\n0\r\n`,
    piece: 'X: y\r\n',
  },
];

/** Bytes after which everything must have been refused. */
const bound = 4 * parserLimits.maxHeaderBytes;

/** What is wrong, one line each. */
export function checkEndless(): string[] {
  return senders.flatMap((sender) =>
    [1, 700, 16_384].flatMap((size) => {
      const taken = bytesTaken(sender, size);
      return taken <= bound ? [] : [`${sender.name}, ${size} bytes at a time: goes on after ${taken} bytes`];
    }),
  );
}

function bytesTaken({ role, begin, piece }: Endless, size: number): number {
  const parser = new MessageParser(role, parserLimits);
  const text = begin + piece.repeat(Math.ceil((bound + size) / piece.length));
  const data = Buffer.from(text, 'latin1');
  for (let from = 0; from < data.length; from += size) {
    const part = data.subarray(from, from + size);
    for (let at = 0; ;) {
      const event = parser.next(part, at);
      at = parser.offset;
      if (event === parseEvent.failed) return from + at;
      if (event === parseEvent.more) break;
    }
  }
  return data.length;
}
