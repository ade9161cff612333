// Reads a message with our parser in every way it can be cut: whole, byte by byte, in random pieces. There must be one
// reading only.

import { expect } from 'vitest';
import { parserLimits, type ParserLimits } from '#proxy/http1/limits.ts';
import { MessageParser, parseEvent, type Role } from '#proxy/http1/parser.ts';

/** Events as text, neighbouring chunks joined, so that any split of the input gives the same list. */
function events(role: Role, input: Buffer, cuts: readonly number[], setup: Setup = {}): string[] {
  const parser = new MessageParser(role, { ...parserLimits, ...setup.limits });
  parser.answersHead = setup.answersHead === true;
  const out: string[] = [];
  let body = '';
  const flush = (): void => {
    if (body !== '') out.push(`body ${body}`);
    body = '';
  };
  for (let i = 0; i <= cuts.length; i++) {
    const data = input.subarray(cuts[i - 1] ?? 0, cuts[i] ?? input.length);
    let at = 0;
    for (;;) {
      const event = parser.next(data, at);
      at = parser.offset;
      if (event === parseEvent.more) break;
      if (event === parseEvent.chunk) body += parser.chunk.toString('latin1');
      else flush();
      if (event === parseEvent.head) out.push(describeHead(parser));
      if (event === parseEvent.end) out.push(`end ${fieldsOf(parser.trailers)}`.trim());
      if (event === parseEvent.failed) return [...out, `failed ${parser.failStatus} ${parser.failText}`];
    }
    if (parser.isTunnel) break;
  }
  flush();
  if (setup.close === true) {
    const event = parser.finish();
    if (event === parseEvent.end) out.push('end');
    if (event === parseEvent.failed) out.push(`failed ${parser.failText}`);
  }
  return out;
}

export interface Setup {
  limits?: Partial<ParserLimits>;
  answersHead?: boolean;
  close?: boolean;
}

export function fieldsOf(list: { names: string[]; values: string[] } | null): string {
  return list === null ? '' : list.names.map((name, i) => `${name}=${list.values[i]}`).join('; ');
}

function describeHead(parser: MessageParser): string {
  const start =
    parser.role === 'request'
      ? `${parser.method} ${parser.target} @${parser.authority}`
      : `${parser.status} ${parser.reason}`;
  const facts = [
    parser.hasBody ? `body:${parser.length}` : 'no body',
    parser.keepAlive ? '' : 'close',
    parser.upgrade === '' ? '' : `upgrade:${parser.upgrade}`,
    parser.expect === '' ? '' : `expect:${parser.expect}`,
    parser.teTrailers ? 'trailers' : '',
    parser.minor === 0 ? '1.0' : '',
  ].filter((fact) => fact !== '');
  return `${start} | ${facts.join(' ')} | ${fieldsOf(parser.headers)}`;
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Whole, byte by byte, and cut at random places: one reading only. */
export function parse(role: Role, text: string, setup: Setup = {}): string[] {
  const input = latin1(text);
  const whole = events(role, input, [], setup);
  const everyByte = Array.from({ length: Math.max(0, input.length - 1) }, (_, i) => i + 1);
  expect(events(role, input, everyByte, setup)).toEqual(whole);
  const random = seeded(input.length * 31 + role.length);
  for (let round = 0; round < 20; round++) {
    const cuts = everyByte.filter(() => random() < 0.15);
    expect(events(role, input, cuts, setup)).toEqual(whole);
  }
  return whole;
}

function seeded(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
