// Valid messages with a few bytes changed, and random bytes, from a fixed seed: whatever comes, the parser neither
// throws nor stops, it never reads the same bytes in two ways, and nothing it accepts could end a line elsewhere.

import { describe, expect, it } from 'vitest';
import { startHttp1 } from '#test/support/http1-kit.ts';
import { parserLimits } from './limits.ts';
import { MessageParser, parseEvent, type Role } from './parser.ts';

const requests = [
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'POST /a?b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5;x="y"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-A\r\nX-A: 1\r\nExpect: 100-continue\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  'POST / HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc',
];
const responses = [
  'HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\nHTTP/1.1 204 No\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nuntil close',
  'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw',
];
/** Bytes that parsers have stumbled over. */
const spice = [
  '\r',
  '\n',
  '\r\n',
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
  '\r\n\r\n',
  'chunked',
  'Content-Length: 1\r\n',
];

class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

function mutate(text: string, random: Random): string {
  let result = text;
  for (let change = 1 + random.below(3); change > 0; change--) {
    const at = random.below(result.length + 1);
    const cut = random.below(4) === 0 ? random.below(8) : random.below(2);
    const insert = random.below(5) === 0 ? String.fromCharCode(random.below(256)) : random.pick(spice);
    result = result.slice(0, at) + (random.below(4) === 0 ? '' : insert) + result.slice(at + cut);
  }
  return result;
}

function noise(random: Random): string {
  return Array.from({ length: random.below(200) }, () =>
    random.below(3) === 0 ? random.pick(spice) : String.fromCharCode(random.below(256)),
  ).join('');
}

/** Everything the parser tells about `input`, which comes in pieces of random size (`random` null: whole). */
function reading(role: Role, input: Buffer, random: Random | null): string {
  const parser = new MessageParser(role, parserLimits);
  let told = '';
  for (let from = 0; from < input.length;) {
    const size = random === null ? input.length : 1 + random.below(random.below(3) === 0 ? 40 : 4);
    const data = input.subarray(from, from + size);
    from += size;
    let at = 0;
    for (let steps = 0; ; steps++) {
      if (steps > 2 * data.length + 4) throw new Error('the parser does not move on');
      const event = parser.next(data, at);
      at = parser.offset;
      if (event === parseEvent.more) break;
      if (event === parseEvent.failed) return `${told}\nfailed ${parser.failStatus}`;
      if (event === parseEvent.head) told += describeHead(parser);
      // Where a body is cut is the reader's business; its bytes are not.
      else if (event === parseEvent.chunk) told += parser.chunk.toString('latin1');
      else told += `\nend ${fields(parser.trailers)}`;
    }
    if (parser.isTunnel) break;
  }
  return `${told}\n${parser.finish() === parseEvent.failed ? 'broken' : 'fine'}`;
}

function describeHead(parser: MessageParser): string {
  const texts = [parser.method, parser.target, parser.authority, parser.reason, parser.upgrade, parser.expect];
  for (const text of [...texts, ...parser.headers.names, ...parser.headers.values]) {
    if (/[\r\n\0]/.test(text)) throw new Error(`a line may end inside ${JSON.stringify(text)}`);
  }
  for (const name of parser.headers.names) if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw new Error('bad name');
  const facts = [parser.status, parser.length, parser.keepAlive, parser.minor, parser.teTrailers];
  return `\nhead ${texts.join('|')} ${facts.join('|')} ${fields(parser.headers)}\n`;
}

function fields(list: { names: string[]; values: string[] } | null): string {
  return list === null ? '' : list.names.map((name, i) => `${name}=${list.values[i]}`).join('&');
}

describe('mutated messages', () => {
  it.each([
    ['request', requests],
    ['response', responses],
  ] as const)('%s: one reading, however it is cut', (role, seeds) => {
    const random = new Random(20261124);
    let accepted = 0;
    for (let round = 0; round < 12_000; round++) {
      const text = round % 10 === 9 ? noise(random) : mutate(random.pick(seeds), random);
      const input = Buffer.from(text, 'latin1');
      const whole = reading(role, input, null);
      if (!whole.includes('failed')) accepted++;
      for (let cut = 0; cut < 2; cut++) {
        const inPieces = reading(role, input, random);
        if (inPieces !== whole) expect([JSON.stringify(text), inPieces]).toEqual([JSON.stringify(text), whole]);
      }
    }
    // Both outcomes are frequent, so that both are tried.
    expect(accepted).toBeGreaterThan(1000);
    expect(accepted).toBeLessThan(11_000);
  });

  it('on a socket: every connection ends, every request reached the handler whole or not at all', async () => {
    const random = new Random(7);
    await using kit = await startHttp1();
    for (let round = 0; round < 300; round++) {
      kit.bodies.length = 0;
      kit.requests.length = 0;
      const text = mutate(requests[round % requests.length] as string, random);
      const client = kit.client();
      const cut = random.below(text.length);
      client.send(text.slice(0, cut)).send(text.slice(cut)).end();
      const answers = (await client.untilEnd()).match(/^HTTP\/1\.1 [2-5]\d\d/gm) ?? [];
      expect(answers.length).toBeLessThanOrEqual(kit.requests.length + 1);
      client.socket.destroy();
    }
    while (kit.listener.counters.open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(kit.connections[0]).toBe(0);
  });
});
