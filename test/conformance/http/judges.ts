// The second, independent judges: what reached the origin is read again by Node's own parser, Python's h11 and Go's
// net/http. All must see the messages and bodies that this suite's reader sees. Trailers are compared with those of
// h11 and Go.

import { execFile } from 'node:child_process';
import { METHODS } from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Message, readRequests, valuesOf } from './messages.ts';
import { NodeServerJudge } from './node-judge.ts';
import type { Recorded } from './suite.ts';

const script = path.join(import.meta.dirname, '..', '..', '..', 'hack', 'conformance', 'judges.sh');

interface JudgedMessage {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly body: string;
  readonly trailers: string;
  readonly whole: boolean;
}

interface Judgement {
  readonly messages: readonly JudgedMessage[];
  readonly problem: string;
}

/** Node's parser knows a closed list of methods; any token is a method (RFC 9110 9.1). */
const nodeKnowsNot = 'HPE_INVALID_METHOD';

/** Differences, one line each. `judges` names who has read. */
export async function askJudges(recorded: readonly Recorded[]): Promise<{ judges: string[]; differences: string[] }> {
  const { stdout } = await promisify(execFile)('bash', [script], { timeout: 240_000 });
  const [python = '', go = ''] = stdout.trim().split('\n');
  const own = recorded.map(({ text }) => ownReading(text));
  const readings: readonly (readonly [name: string, readings: readonly Judgement[]])[] = [
    ['node', await readWithNode(recorded)],
    ['h11', await readWith(python, recorded)],
    ['net/http', await readWith(go, recorded)],
  ];
  const differences: string[] = [];
  for (const [name, judgements] of readings) {
    for (const [index, { title }] of recorded.entries()) {
      const difference = compare(own[index], judgements[index], name !== 'node');
      if (name === 'node' && difference.startsWith(nodeKnowsNot) && !knownMethods(own[index])) continue;
      if (difference !== '') differences.push(`${name} reads ${title} otherwise: ${difference}`);
    }
  }
  return { judges: readings.map(([name]) => name), differences };
}

function ownReading(text: string): Judgement {
  const { messages, problem } = readRequests(text);
  return { messages: messages.map(judged), problem };
}

function knownMethods(reading: Judgement | undefined): boolean {
  return reading?.messages.every(({ method }) => METHODS.includes(method)) === true;
}

function judged({ start, fields, body, trailers, whole }: Message): JudgedMessage {
  return {
    method: start[0],
    target: start[1],
    host: valuesOf(fields, 'host').join('|'),
    body,
    trailers: listed(trailers.map(([name, value]) => [name.toLowerCase(), value])),
    whole,
  };
}

function compare(own: Judgement | undefined, other: Judgement | undefined, withTrailers: boolean): string {
  if (own === undefined || other === undefined) return 'there is no reading';
  if ((own.problem === '') !== (other.problem === ''))
    return `${other.problem || 'no problem'} where we say ${own.problem || 'none'}`;
  if (own.messages.length !== other.messages.length)
    return `${other.messages.length} messages, not ${own.messages.length}`;
  for (const [index, message] of own.messages.entries()) {
    const seen = other.messages[index];
    for (const key of ['method', 'target', 'host', 'body', 'whole', 'trailers'] as const) {
      if (key === 'trailers' && !withTrailers) continue;
      if (seen?.[key] !== message[key])
        return `${key} ${JSON.stringify(seen?.[key])}, not ${JSON.stringify(message[key])}`;
    }
  }
  return '';
}

function listed(pairs: readonly (readonly string[])[]): string {
  return pairs
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join('&');
}

async function readWithNode(recorded: readonly Recorded[]): Promise<Judgement[]> {
  const judge = new NodeServerJudge();
  const readings: Judgement[] = [];
  for (const { text } of recorded) {
    const { messages, problem } = await judge.read(Buffer.from(text, 'latin1'));
    readings.push({
      problem,
      messages: messages.map(({ method, target, rawHeaders, body, whole }) => ({
        method,
        target,
        host: rawHeaders
          .filter((_, index) => rawHeaders[index - 1]?.toLowerCase() === 'host' && index % 2 === 1)
          .join('|'),
        body,
        trailers: '',
        whole,
      })),
    });
  }
  return readings;
}

interface Line {
  readonly messages: readonly (Omit<JudgedMessage, 'trailers'> & {
    readonly trailers: readonly (readonly [string, string])[];
  })[];
  readonly problem: string;
}

/** `command`: a program that reads lines of base64 and writes lines of JSON. */
function readWith(command: string, recorded: readonly Recorded[]): Promise<Judgement[]> {
  const [program = '', ...args] = command.split(' ');
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error !== null) reject(error);
      else
        resolve(
          stdout
            .trim()
            .split('\n')
            .map((line) => fromLine(JSON.parse(line) as Line)),
        );
    });
    child.stdin?.end(recorded.map(({ text }) => `${Buffer.from(text, 'latin1').toString('base64')}\n`).join(''));
  });
}

function fromLine({ messages, problem }: Line): Judgement {
  return {
    problem,
    messages: messages.map(({ method, target, host, body, trailers, whole }) => ({
      method,
      target: decode(target),
      host,
      body: decode(body),
      trailers: listed(trailers.map(([name, value]) => [name, decode(value)])),
      whole,
    })),
  };
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}
