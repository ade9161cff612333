// What our parser reads in some bytes, whole or cut anywhere, in a form that can be compared.

import { parserLimits } from '#proxy/http1/limits.ts';
import { MessageParser, parseEvent } from '#proxy/http1/parser.ts';
import type { Role } from './mutate.ts';

export interface OwnMessage {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  /** Name, value, name, value …: the end-to-end fields. */
  readonly fields: readonly string[];
  body: string;
  trailers: readonly string[];
  whole: boolean;
  /** Bytes of the input up to its end, once it is whole. */
  end: number;
  readonly keepAlive: boolean;
  readonly upgrade: string;
}

export interface OwnReading {
  readonly messages: OwnMessage[];
  /** `` or why the rest was refused. */
  failure: string;
  /** The bytes end between two messages, or with the body that ends there. */
  finished: boolean;
}

/** Throws when the parser does not move on, or hands out what could end a line elsewhere. */
export function read(role: Role, input: Buffer, cuts: readonly number[]): OwnReading {
  const parser = new MessageParser(role, parserLimits);
  const reading: OwnReading = { messages: [], failure: '', finished: false };
  let from = 0;
  for (const cut of [...cuts, input.length]) {
    feed(parser, input.subarray(from, cut), from, reading);
    from = cut;
    if (reading.failure !== '' || parser.isTunnel) return reading;
  }
  const event = parser.finish();
  const last = reading.messages.at(-1);
  if (event === parseEvent.end && last !== undefined) {
    last.whole = true;
    last.end = input.length;
  }
  reading.finished = event !== parseEvent.failed;
  return reading;
}

/** `base`: where `data` begins in the input. */
function feed(parser: MessageParser, data: Buffer, base: number, reading: OwnReading): void {
  let at = 0;
  for (let steps = 0; ; steps++) {
    if (steps > 2 * data.length + 4) throw new Error('the parser does not move on');
    const event = parser.next(data, at);
    at = parser.offset;
    if (event === parseEvent.more) return;
    if (event === parseEvent.failed) {
      reading.failure = parser.failText;
      return;
    }
    const last = reading.messages.at(-1);
    if (event === parseEvent.head) reading.messages.push(messageOf(parser, base + at));
    else if (last === undefined) throw new Error('a body without a head');
    else if (event === parseEvent.chunk) last.body += parser.chunk.toString('latin1');
    else {
      last.whole = true;
      last.end = base + at;
      last.trailers = flat(parser.trailers);
    }
  }
}

function messageOf(parser: MessageParser, end: number): OwnMessage {
  const { method, target, authority, reason, upgrade, expect, status, keepAlive } = parser;
  const fields = flat(parser.headers);
  for (const text of [method, target, authority, reason, upgrade, expect, ...fields]) {
    if (/[\r\n\0]/.test(text)) throw new Error(`a line may end inside ${JSON.stringify(text)}`);
  }
  return { method, target, status, fields, body: '', trailers: [], whole: !parser.hasBody, end, keepAlive, upgrade };
}

function flat(list: { readonly names: readonly string[]; readonly values: readonly string[] } | null): string[] {
  return list === null ? [] : list.names.flatMap((name, i) => [name, list.values[i] ?? '']);
}
