// The fuzz target `http1`: the parser in both roles. For every input: it neither throws nor stops, it reads the same
// whole and in any pieces, and whatever it accepts Node's parser reads as the same messages. Where Node's parser is
// stricter or reads otherwise for a reason, the reason stands in `agreed`.

import { METHODS } from 'node:http';
import { Draw } from '#test/conformance/http/draw.ts';
import {
  type NodeMessage,
  type NodeReading,
  NodeServerJudge,
  readAnswerWithNode,
} from '#test/conformance/http/node-judge.ts';
import { mutated, noise, type Role, seedsOf } from './mutate.ts';
import { type OwnMessage, type OwnReading, read } from './readings.ts';

export interface Input {
  readonly role: Role;
  /** One character per byte. */
  readonly text: string;
}

const judge = new NodeServerJudge();

/** Fields that the parser takes out of a head (RFC 9110 7.6.1), as the names of what Connection lists. */
const taken: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const takenOfRequests: ReadonlySet<string> = new Set([...taken, 'host', 'expect']);

export function drawInput(draw: Draw): Input {
  const role = draw.pick(['request', 'response'] as const);
  return { role, text: draw.below(10) === 9 ? noise(draw) : mutated(role, draw) };
}

/** Valid messages; each is cut at every byte. */
export function validInputs(): Input[] {
  return (['request', 'response'] as const).flatMap((role) => seedsOf(role).map((text) => ({ role, text })));
}

/** `` or what is wrong. */
export function checkCuts({ role, text }: Input, draw: Draw | null): string {
  const input = Buffer.from(text, 'latin1');
  try {
    const whole = JSON.stringify(read(role, input, []));
    const ways = draw === null ? everyCut(input.length) : [draw.cuts(input.length), draw.cuts(input.length)];
    for (const cuts of ways) {
      const cut = JSON.stringify(read(role, input, cuts));
      if (cut !== whole) return `cut at ${cuts.slice(0, 12).join()}: ${cut} instead of ${whole}`;
    }
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function everyCut(length: number): number[][] {
  const places = Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);
  return [places, ...places.map((place) => [place])];
}

/**
 * `` or how Node's parser reads it otherwise; null when our parser accepts no message. Node gets what was accepted and
 * nothing behind it: whole messages, up to the one after which the connection is not read on.
 */
export async function checkWithNode({ role, text }: Input): Promise<string | null> {
  const input = Buffer.from(text, 'latin1');
  const accepted = acceptedOf(role, read(role, input, []));
  const last = accepted.at(-1);
  if (last === undefined) return null;
  const bytes = input.subarray(0, last.end);
  const node = role === 'request' ? await judge.read(bytes) : await readAnswerWithNode(bytes);
  if (agreed(accepted, node, bytes.toString('latin1'))) return '';
  for (const [index, message] of accepted.entries()) {
    const difference = compare(message, node.messages[index], node, role === 'request' ? takenOfRequests : taken);
    if (difference !== '') return `message ${index}: ${difference}`;
  }
  const more = node.messages[accepted.length];
  return more === undefined ? '' : `Node reads a further message ${more.method} ${more.target}`;
}

/** The client of Node reads one answer, and takes a 101 only when it asked. */
function acceptedOf(role: Role, { messages }: OwnReading): OwnMessage[] {
  const accepted: OwnMessage[] = [];
  for (const message of messages) {
    if (!message.whole || message.status === 101) break;
    accepted.push(message);
    if (role === 'request' ? !message.keepAlive || message.upgrade !== '' : message.status >= 200) break;
  }
  return accepted;
}

/** A trailer section with a field about framing or the connection. */
const framingTrailer = /\r\n0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*(?:transfer-encoding|content-length|connection):/i;

/** Where Node may differ, and why. */
function agreed(accepted: readonly OwnMessage[], { problem }: NodeReading, text: string): boolean {
  switch (problem) {
    case 'HPE_INVALID_METHOD':
      // It knows a closed list of methods; any token is one (RFC 9110 9.1).
      return accepted.some(({ method }) => !METHODS.includes(method));
    case 'HPE_INVALID_TRANSFER_ENCODING':
    case 'HPE_INVALID_CONTENT_LENGTH':
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
      // It takes fields about framing in a trailer section for an error; a recipient may ignore them (RFC 9110 6.5.1).
      return framingTrailer.test(text);
    case 'HPE_CLOSED_CONNECTION':
      // It believes `close` in a trailer section, and in an interim answer, which leaves a request without its final one (RFC 9110 15.2).
      return accepted.some(({ status }) => status >= 100 && status < 200) || framingTrailer.test(text);
    default:
      return false;
  }
}

function compare(
  own: OwnMessage,
  other: NodeMessage | undefined,
  node: NodeReading,
  without: ReadonlySet<string>,
): string {
  if (other === undefined) return `Node reads no such message: ${node.problem}`;
  if (own.method !== '' && own.method !== other.method) return `Node reads the method ${other.method}`;
  if (own.status !== other.status) return `Node reads the status ${other.status}`;
  if (!other.whole) return `Node does not read it to its end: ${node.problem}`;
  if (own.body !== other.body) return `Node reads the body ${JSON.stringify(other.body)}`;
  if (!targetFits(own.target, other.target)) return `Node reads the target ${other.target}`;
  const fields = JSON.stringify(endToEnd(other.rawHeaders, without));
  return fields === JSON.stringify(own.fields)
    ? ''
    : `Node reads the fields ${fields}, we ${JSON.stringify(own.fields)}`;
}

/** The parser takes scheme and authority off, and adds the path that an absolute form may lack. */
function targetFits(own: string, other: string): boolean {
  if (own === other || other.endsWith(own)) return true;
  return /^https?:\/\//i.test(other) && (own === '/' || own === '*' || other.endsWith(own.slice(1)));
}

function endToEnd(raw: readonly string[], without: ReadonlySet<string>): string[] {
  const listed = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() !== 'connection') continue;
    for (const option of (raw[i + 1] ?? '').split(','))
      listed.add(option.replaceAll(/^[ \t]+|[ \t]+$/g, '').toLowerCase());
  }
  listed.delete('content-length');
  const rest: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const lower = (raw[i] ?? '').toLowerCase();
    if (!without.has(lower) && !listed.has(lower)) rest.push(raw[i] ?? '', raw[i + 1] ?? '');
  }
  return rest;
}
