import { describe, expect, it } from 'vitest';
import { readAnswers, readRequests } from './messages.ts';

const requests = (text: string): string[] => {
  const { messages, problem } = readRequests(text);
  const told = messages.map(
    ({ start, body, whole }) => `${start.join(' ')} ${JSON.stringify(body)}${whole ? '' : ' cut'}`,
  );
  return problem === '' ? told : [...told, problem];
};
const head = 'POST / HTTP/1.1\r\nHost: a\r\n';

describe('the reader of the suite', () => {
  it.each<[string, string, string[]]>([
    [
      'two requests',
      `${head}Content-Length: 2\r\n\r\nokGET /2 HTTP/1.1\r\n\r\n`,
      ['POST / HTTP/1.1 "ok"', 'GET /2 HTTP/1.1 ""'],
    ],
    [
      'chunks and trailers',
      `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n`,
      ['POST / HTTP/1.1 "ok"'],
    ],
    ['half a head', head, ['incomplete']],
    ['half a body', `${head}Content-Length: 3\r\n\r\nok`, ['POST / HTTP/1.1 "ok" cut']],
    ['chunks without an end', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`, ['POST / HTTP/1.1 "ok" cut']],
    ['half a last line', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n`, ['POST / HTTP/1.1 "ok" cut']],
    ['a line that ends in LF', 'GET / HTTP/1.1\nHost: a\r\n\r\n', ['a line without CRLF']],
    ['a bare CR', `${head}X: a\rb\r\n\r\n`, ['a line without CRLF']],
    ['two framings', `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, ['more than one framing']],
    [
      'a chunk that is longer than it says',
      `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nok\r\n`,
      ['a chunk that is not its size'],
    ],
    ['a folded line', `${head}X: 1\r\n 2\r\n\r\n`, ['field " 2"']],
  ])('%s', (_, text, expected) => {
    expect(requests(text)).toEqual(expected);
  });

  it('knows which answers have no body, and when one lasts until the end', () => {
    const text =
      'HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest';
    const read = (ended: boolean): string[] =>
      readAnswers(text, { heads: [0], ended }).messages.map(
        ({ start, body, framing }) => `${start[1]} ${framing} ${body}`,
      );
    expect(read(true)).toEqual(['103 none ', '200 none ', '304 none ', '200 close rest']);
    expect(read(false)).toHaveLength(3);
  });
});
