// HTTP/2 from the client, HTTP/1.1 to the origin: rows 128 to 139 and 142. What HTTP/1.1 could not carry, or would read
// otherwise, ends its stream before a byte of it is forwarded.

import { all, originBody, originField, originGot, originLine, unfinished } from '../expectations.ts';
import { data, head, headers, http2Client, protocolError, readFrames } from '../http2-client.ts';
import type { Case, Expectation, Row } from '../row.ts';
import { message } from './requests.ts';

type Fields = Parameters<typeof headers>[1];

/** The stream is reset, or it has this answer; the connection goes on. */
function stream(...statuses: readonly number[]): Expectation {
  return ({ client }) => {
    const { statuses: got, resets, goaway } = readFrames(client.text);
    if (goaway > 0) return `GOAWAY ${goaway}`;
    if (resets.get(1) === protocolError) return '';
    const status = got.get(1)?.at(-1) ?? 0;
    return statuses.includes(status) ? '' : `the stream got ${status}, reset ${resets.get(1)}`;
  };
}

function answered(status: number, interim: readonly number[] = []): Expectation {
  return ({ client }) => {
    const got = readFrames(client.text).statuses.get(1) ?? [];
    return got.join() === [...interim, status].join() ? '' : `the stream got ${got.join() || 'nothing'}`;
  };
}

/** A second stream shows that the connection goes on. */
const after = headers(3, head({ ':path': '/after' }));
const goesOn: Expectation = ({ client, origin }) => {
  const served = origin.requests.map(({ start }) => start[1]).join();
  const status = readFrames(client.text).statuses.get(3)?.at(-1);
  return status === 200 && served === '/after' ? '' : `the next stream got ${status}, the origin ${served}`;
};

function refused(entries: Readonly<Record<string, Fields>>, ...statuses: readonly number[]): Case[] {
  return Object.entries(entries).map(([name, fields]) => ({
    name,
    client: http2Client(headers(1, fields) + after, [1, 3]),
    answers: 0,
    expect: [stream(...statuses), goesOn],
  }));
}

const withField = (name: string, value: string): Fields => head({}, [[name, value]]);

export const http2: readonly Row[] = [
  {
    row: 128,
    id: 'H2-connection-hdr',
    source: '9113 8.2.2',
    cases: (draw) => {
      const names = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];
      return refused(
        Object.fromEntries(names.map((name) => [name, withField(name, draw.pick(['close', 'chunked', draw.word()]))])),
      );
    },
  },
  {
    row: 129,
    id: 'H2-lf-in-value',
    source: '9113 8.2.1',
    cases: (draw) => {
      const [name, value] = [`x-${draw.word()}`, draw.word()];
      const values = [
        `${value}\n`,
        `${value}\r\nx: y`,
        `a\0${value}`,
        `\r${value}`,
        ` ${value}`,
        `${value} `,
        `\t${value}`,
        `${value}\t`,
      ];
      return refused(
        Object.fromEntries(values.map((each) => [JSON.stringify(each.replace(value, '…')), withField(name, each)])),
      );
    },
  },
  {
    row: 130,
    id: 'H2-colon-name',
    source: '9113 8.2.1',
    cases: (draw) => {
      const word = draw.word();
      const names = [`a:${word}`, `X-${word}`, `x ${word}`, '', `x\n${word}`, `x\0`, `x\xe4`, ':x'];
      return refused(
        Object.fromEntries(names.map((name) => [JSON.stringify(name.replace(word, '…')), withField(name, '1')])),
      );
    },
  },
  {
    row: 131,
    id: 'H2-path-bad',
    source: '9113 8.3.1',
    cases: (draw) => {
      const word = draw.word();
      const paths = [
        '',
        word,
        `/${word} b`,
        `/${word}\r\nx: y`,
        `/${word}#b`,
        `http://a.test/${word}`,
        '*',
        `/\x7f`,
        `/\0`,
      ];
      return refused(
        Object.fromEntries(paths.map((path) => [JSON.stringify(path.replace(word, '…')), head({ ':path': path })])),
        400,
      );
    },
  },
  {
    row: 132,
    id: 'H2-authority-host',
    source: '9113 8.3.1',
    cases: (draw) =>
      refused(
        {
          other: withField('host', `${draw.word()}.test`),
          both: head({}, [
            ['host', 'a.test'],
            ['host', 'b.test'],
          ]),
        },
        400,
      ),
  },
  {
    row: 133,
    id: 'H2-authority-at',
    source: '9113 8.3.1',
    cases: (draw) => {
      const word = draw.word();
      const authorities = [`${word}@a.test`, `${word}:x@a.test`, `a.test/${word}`, `a.test ${word}`, 'a, b'];
      return refused(
        Object.fromEntries(authorities.map((each) => [each.replace(word, '…'), head({ ':authority': each })])),
        400,
      );
    },
  },
  {
    row: 134,
    id: 'H2-method-space',
    source: '9113 8.3',
    cases: (draw) => {
      const methods = ['GET / HTTP/1.1', `GET /${draw.word()} HTTP/1.1\r\nx: y`, '', 'G(T', 'GET\n'];
      return refused(
        Object.fromEntries(methods.map((method, index) => [`${index}`, head({ ':method': method })])),
        400,
        501,
      );
    },
  },
  {
    row: 135,
    id: 'H2-scheme',
    source: '9113 8.3.1',
    cases: (draw) => {
      const schemes = ['http://x/?', `http${draw.word()}`, '', 'http\r\nx: y', 'ftp'];
      return refused(
        Object.fromEntries(schemes.map((scheme, index) => [`${index}`, head({ ':scheme': scheme })])),
        400,
      );
    },
  },
  {
    row: 136,
    id: 'H2-cl-mismatch',
    source: '9113 8.1.1',
    cases: (draw) => {
      const length = 5 + draw.below(5);
      const opened = headers(1, head({ ':method': 'POST' }, [['content-length', `${length}`]]), true);
      const wrong = [length - 2, length + 2].map((size): Case => ({
        name: `${size - length} bytes`,
        client: http2Client(opened + data(1, 'x'.repeat(size))),
        answers: 0,
        unjudged: true,
        expect: [stream(), unfinished],
      }));
      return [...wrong, ...refused({ 'no DATA': head({ ':method': 'POST' }, [['content-length', `${length}`]]) })];
    },
  },
  {
    row: 137,
    id: 'H2-cookie-crumbs',
    source: '9113 8.2.3',
    cases: (draw) => {
      const crumbs = [`a=${draw.word()}`, `b=${draw.word()}`, `c="${draw.word()}"`];
      return [
        {
          client: http2Client(
            headers(
              1,
              head(
                {},
                crumbs.map((crumb) => ['cookie', crumb] as const),
              ),
            ),
          ),
          answers: 0,
          expect: [answered(200), originGot(1), originField('cookie', [crumbs.join('; ')])],
        },
      ];
    },
  },
  {
    row: 138,
    id: 'H2-trailers-pseudo',
    source: '9113 8.1',
    cases: (draw) =>
      [':path', ':method', ':status', ':authority'].map((name) => ({
        name,
        client: http2Client(
          headers(1, head({ ':method': 'POST' }), true) +
            data(1, draw.body(), false) +
            headers(1, [[name, `/${draw.word()}`]]),
        ),
        answers: 0,
        unjudged: true,
        expect: [stream(), unfinished],
      })),
  },
  {
    row: 139,
    id: 'H2-connect',
    source: '9113 8.5',
    cases: () =>
      refused(
        {
          'without a path': [
            [':method', 'CONNECT'],
            [':authority', 'a.test:443'],
          ],
          'with a path': head({ ':method': 'CONNECT' }),
          extended: head({ ':method': 'CONNECT', ':protocol': 'websocket' }),
        },
        400,
        405,
        501,
      ),
  },
  {
    row: 142,
    id: 'H2-1xx',
    source: '9113 8.1',
    cases: (draw) => {
      const path = draw.path();
      const body = draw.body();
      return [
        {
          client: http2Client(headers(1, head({ ':method': 'POST', ':path': path }), true) + data(1, body)),
          origin: (side) => side.send(message('HTTP/1.1 103 Early Hints', [`Link: </${draw.word()}>`])).answer(body),
          answers: 0,
          expect: [
            answered(200, [103]),
            all(originGot(1), originLine('POST', path), originBody(body)),
            ({ client }) => (readFrames(client.text).bodies.get(1) === body ? '' : 'another body'),
          ],
        },
      ];
    },
  },
];
