// Reads HTTP/1.1 messages out of recorded bytes, one character per byte. It is this suite's own judge and shares no
// code with the product: what it cannot read to the letter is a problem, never repaired.

export interface Message {
  /** The three parts of the first line. */
  readonly start: readonly [string, string, string];
  /** In order, names as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Something of the chunk lines beside sizes. */
  readonly extensions: boolean;
  /** False when the bytes end inside it. */
  readonly whole: boolean;
}

export interface Reading {
  readonly messages: readonly Message[];
  /** `` or why the bytes are no messages. */
  readonly problem: string;
}

export interface AnswerSetting {
  /** Indexes of final answers that answer HEAD. */
  readonly heads: readonly number[];
  /** The sender has ended its direction cleanly. */
  readonly ended: boolean;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) (HTTP\/1\.[01])$/;
const statusLine = /^(HTTP\/1\.[01]) (\d{3}) ([\t \x21-\x7e\x80-\xff]*)$/;

class Unreadable extends Error {}
class Incomplete extends Error {}

export function readRequests(text: string): Reading {
  return readAll(text, requestLine, (start, fields, at) => {
    const { length, chunked } = framingOf(fields);
    if (chunked) return chunkedBody(text, at);
    return length === -1 ? { ...noBody, next: at } : fixedBody(text, at, length);
  });
}

/** Interim answers included. Bytes behind a 101 are not looked at. */
export function readAnswers(text: string, setting: AnswerSetting): Reading {
  let finals = 0;
  return readAll(text, statusLine, (start, fields, at) => {
    const status = Number(start[1]);
    if (status === 101) return { ...noBody, next: text.length };
    if (status < 200) return { ...noBody, next: at };
    const bodiless = setting.heads.includes(finals++) || status === 204 || status === 304;
    const { length, chunked } = framingOf(fields);
    if (bodiless) return { ...noBody, next: at };
    if (chunked) return chunkedBody(text, at);
    if (length !== -1) return fixedBody(text, at, length);
    if (start[0] === 'HTTP/1.1' && !setting.ended) throw new Incomplete();
    return { ...noBody, framing: 'close', body: text.slice(at), whole: setting.ended, next: text.length };
  });
}

type Rest = Pick<Message, 'framing' | 'body' | 'trailers' | 'extensions' | 'whole'> & { readonly next: number };

const noBody = { framing: 'none', body: '', trailers: [], extensions: false, whole: true } as const;

function readAll(
  text: string,
  firstLine: RegExp,
  rest: (start: Message['start'], fields: Message['fields'], at: number) => Rest,
): Reading {
  const messages: Message[] = [];
  for (let at = 0; at < text.length;) {
    try {
      const lineEnd = endOfLine(text, at);
      const parts = firstLine.exec(text.slice(at, lineEnd));
      if (parts === null) throw new Unreadable(`first line ${JSON.stringify(text.slice(at, lineEnd))}`);
      const start: Message['start'] = [parts[1] ?? '', parts[2] ?? '', parts[3] ?? ''];
      const [fields, bodyAt] = section(text, lineEnd + 2);
      const { next, ...body } = rest(start, fields, bodyAt);
      messages.push({ start, fields, ...body });
      at = next;
    } catch (error) {
      if (error instanceof Incomplete) return { messages, problem: 'incomplete' };
      if (error instanceof Unreadable) return { messages, problem: error.message };
      throw error;
    }
  }
  return { messages, problem: '' };
}

function endOfLine(text: string, at: number): number {
  const lf = text.indexOf('\n', at);
  if (lf === -1) throw new Incomplete();
  const line = text.slice(at, lf + 1);
  if (!line.endsWith('\r\n') || line.indexOf('\r') !== line.length - 2) throw new Unreadable('a line without CRLF');
  return lf - 1;
}

function section(text: string, from: number): [Message['fields'], number] {
  const fields: [string, string][] = [];
  for (let at = from; ;) {
    const end = endOfLine(text, at);
    const line = text.slice(at, end);
    at = end + 2;
    if (line === '') return [fields, at];
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (!token.test(name)) throw new Unreadable(`field ${JSON.stringify(line)}`);
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    if (/[\0-\x08\x0a-\x1f\x7f]/.test(line)) throw new Unreadable(`control character in ${JSON.stringify(line)}`);
    fields.push([name, line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')]);
  }
}

function framingOf(fields: Message['fields']): { length: number; chunked: boolean } {
  const lengths = fields.filter(([name]) => name.toLowerCase() === 'content-length');
  const codings = fields.filter(([name]) => name.toLowerCase() === 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Unreadable('more than one framing');
  if (codings.length === 1 && codings[0]?.[1] !== 'chunked') throw new Unreadable('unknown coding');
  const length = lengths[0]?.[1];
  if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new Unreadable('unreadable length');
  return { length: length === undefined ? -1 : Number(length), chunked: codings.length === 1 };
}

function fixedBody(text: string, at: number, length: number): Rest {
  const body = text.slice(at, at + length);
  return { ...noBody, framing: 'length', body, whole: body.length === length, next: at + length };
}

function chunkedBody(text: string, from: number): Rest {
  let body = '';
  let extensions = false;
  const cut = (): Rest => ({ ...noBody, framing: 'chunked', body, extensions, whole: false, next: text.length });
  for (let at = from; ;) {
    try {
      const end = endOfLine(text, at);
      const line = text.slice(at, end);
      const digits = /^[0-9a-fA-F]{1,12}/.exec(line)?.[0] ?? '';
      if (digits === '') throw new Unreadable(`chunk line ${JSON.stringify(line)}`);
      if (digits !== line) extensions = true;
      const size = Number.parseInt(digits, 16);
      at = end + 2;
      if (size === 0) {
        const [trailers, next] = section(text, at);
        return { framing: 'chunked', body, trailers, extensions, whole: true, next };
      }
      body += text.slice(at, at + size);
      if (text.length < at + size + 2) return cut();
      if (text.slice(at + size, at + size + 2) !== '\r\n') throw new Unreadable('a chunk that is not its size');
      at += size + 2;
    } catch (error) {
      if (error instanceof Incomplete) return cut();
      throw error;
    }
  }
}

/** Values of the fields called `name`, in order. */
export function valuesOf(fields: Message['fields'], name: string): string[] {
  const lower = name.toLowerCase();
  return fields.filter(([each]) => each.toLowerCase() === lower).map(([, value]) => value);
}
