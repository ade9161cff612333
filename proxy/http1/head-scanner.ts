// Finds the first line and the fields of a head (or of a trailer section) and validates every byte in the same pass
// (RFC 9112 2 to 5). A head that lies in one chunk becomes one string, of which names and values are slices; a split
// one is collected first, and scanning goes on where it stopped, so that one byte at a time costs no more than once.
// It judges bytes only; what fields mean is the parser's part.
//
//   start ─▶ method ─▶ target ─▶ version ─▶ line start ─▶ name ─▶ white space ─▶ value ─┐
//   status line ───────────────────────────────▲  ▲────────────────────────────────────┘  └─▶ end

import { classes, COLON, CR, HTAB, isTarget, isToken, isValue, LF, SP } from './chars.ts';
import type { ParserLimits } from './limits.ts';

const state = {
  start: 0,
  startLf: 1,
  method: 2,
  target: 3,
  version: 4,
  status: 5,
  firstLf: 6,
  lineStart: 7,
  name: 8,
  space: 9,
  value: 10,
  valueLf: 11,
  endLf: 12,
} as const;

/** What a scanner is about to read. */
export const section = { request: state.start, response: state.status, trailers: state.lineStart } as const;
export type Section = (typeof section)[keyof typeof section];

export const scan = { more: 0, done: 1, failed: 2 } as const;
export type Scan = (typeof scan)[keyof typeof scan];

const maxMethodBytes = 64;
/** Entries of `spans` before the first field: start, end of the method, of the target, end of the first line. */
const firstSpan = 4;

/** Positions of heads that lie in one chunk, which is nearly all of them: used up before anything else is scanned. */
let sharedSpans = new Int32Array(firstSpan + 4 * 128);

export class HeadScanner {
  /** The section as one character per byte; positions in `spans` count from its start. */
  text = '';
  spans: Int32Array = sharedSpans;
  fields = 0;
  /** Minor version of HTTP/1. */
  minor = 1;
  /** Where the caller goes on reading in the chunk last fed. */
  offset = 0;
  failStatus = 0;
  failText = '';
  private readonly limits: ParserLimits;
  private state: number = state.start;
  private pos = 0;
  private pending: Buffer | null = null;
  private pendingLength = 0;

  constructor(limits: ParserLimits) {
    this.limits = limits;
    const wanted = firstSpan + 4 * limits.maxFields;
    if (sharedSpans.length < wanted) sharedSpans = new Int32Array(wanted);
  }

  /** True when a byte of the section, apart from an empty line before it, has been seen. */
  get started(): boolean {
    if (this.state === state.method) return this.pos > this.methodStart();
    return this.state > state.method && this.pos > 0;
  }

  reset(next: Section): void {
    this.state = next;
    this.pos = 0;
    this.fields = 0;
  }

  /** Bytes kept of a section that is not complete. */
  get buffered(): number {
    return this.pending === null ? 0 : this.pending.length;
  }

  /** Nothing of the section is wanted any more. */
  drop(): number {
    const bytes = this.buffered;
    this.pending = null;
    return bytes;
  }

  /** Position of the method's first byte, of the byte after it, after the target, and after the first line. */
  methodStart(): number {
    return this.spans[0] as number;
  }

  methodEnd(): number {
    return this.spans[1] as number;
  }

  targetEnd(): number {
    return this.spans[2] as number;
  }

  lineEnd(): number {
    return this.spans[3] as number;
  }

  /** Name of field `index`. */
  nameOf(index: number): string {
    const at = firstSpan + 4 * index;
    return this.text.slice(this.spans[at] as number, this.spans[at + 1] as number);
  }

  valueOf(index: number): string {
    const at = firstSpan + 4 * index;
    return this.text.slice(this.spans[at + 2] as number, this.spans[at + 3] as number);
  }

  /** A tab stands between the value of field `index` and the end of its line. */
  tabBehind(index: number): boolean {
    const from = this.spans[firstSpan + 4 * index + 3] as number;
    return this.text.slice(from, this.text.indexOf('\r', from)).includes('\t');
  }

  feed(data: Buffer, offset: number): Scan {
    const limit = this.limits.maxHeaderBytes;
    if (this.pending !== null) return this.feedPending(this.pending, data, offset);
    const size = data.length - offset;
    const result = this.run(data, offset, size > limit ? limit : size);
    if (result === scan.done) {
      this.offset = offset + this.pos;
      this.text = data.toString('latin1', offset, this.offset);
    } else if (result === scan.more) {
      this.offset = data.length;
      if (size >= limit) return this.refuseSize();
      if (size > 0) this.keep(data, offset);
    }
    return result;
  }

  private feedPending(pending: Buffer, data: Buffer, offset: number): Scan {
    const limit = this.limits.maxHeaderBytes;
    const before = this.pendingLength;
    const take = Math.min(data.length - offset, limit - before);
    let buffer = pending;
    if (before + take > buffer.length) {
      buffer = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(buffer.length * 2, before + take)));
      pending.copy(buffer, 0, 0, before);
      this.pending = buffer;
    }
    data.copy(buffer, before, offset, offset + take);
    this.pendingLength = before + take;
    const result = this.run(buffer, 0, this.pendingLength);
    if (result === scan.done) {
      this.offset = offset + this.pos - before;
      this.text = buffer.toString('latin1', 0, this.pos);
      this.pending = null;
    } else if (result === scan.more) {
      this.offset = offset + take;
      if (this.pendingLength >= limit) return this.refuseSize();
    }
    return result;
  }

  private keep(data: Buffer, offset: number): void {
    const size = data.length - offset;
    this.pending = Buffer.allocUnsafeSlow(Math.min(this.limits.maxHeaderBytes, Math.max(512, size * 2)));
    data.copy(this.pending, 0, offset);
    this.pendingLength = size;
    this.spans = sharedSpans.slice(0, firstSpan + 4 * this.limits.maxFields);
  }

  private refuseSize(): Scan {
    return this.fail(431, 'header block is too large');
  }

  private fail(status: number, text: string): Scan {
    this.failStatus = status;
    this.failText = text;
    this.pending = null;
    return scan.failed;
  }

  /** Goes on at `pos` of the section that starts at `base` and of which `size` bytes are there. */
  private run(buf: Buffer, base: number, size: number): Scan {
    if (this.pending === null) this.spans = sharedSpans;
    const end = base + size;
    const spans = this.spans;
    let i = base + this.pos;
    let current = this.state;
    let span = firstSpan + 4 * this.fields;
    const lastSpan = firstSpan + 4 * this.limits.maxFields;
    while (i < end) {
      const byte = buf[i] as number;
      switch (current) {
        case state.value:
          // The longest runs of bytes are here, so this loop is the one that counts.
          while (i < end && ((classes[buf[i] as number] as number) & isValue) !== 0) i++;
          if (i === end) break;
          if (buf[i] !== CR) return this.fail(400, 'control character in a field value');
          {
            let last = i;
            const first = base + (spans[span + 2] as number);
            while (last > first && (buf[last - 1] === SP || buf[last - 1] === HTAB)) last--;
            spans[span + 3] = last - base;
          }
          span += 4;
          i++;
          current = state.valueLf;
          break;
        case state.valueLf:
          if (byte !== LF) return this.fail(400, 'bare CR');
          i++;
          current = state.lineStart;
          break;
        case state.lineStart:
          if (byte === CR) {
            i++;
            current = state.endLf;
            break;
          }
          if (byte === SP || byte === HTAB) return this.fail(400, 'folded line');
          if (((classes[byte] as number) & isToken) === 0) return this.fail(400, 'invalid field name');
          if (span === lastSpan) return this.fail(431, 'too many fields');
          spans[span] = i - base;
          current = state.name;
          break;
        case state.name:
          while (i < end && ((classes[buf[i] as number] as number) & isToken) !== 0) i++;
          if (i === end) break;
          if (buf[i] !== COLON) return this.fail(400, 'invalid field name');
          spans[span + 1] = i - base;
          i++;
          spans[span + 2] = i - base;
          current = state.space;
          break;
        case state.space:
          if (byte === SP || byte === HTAB) i++;
          else current = state.value;
          spans[span + 2] = i - base;
          break;
        case state.endLf:
          if (byte !== LF) return this.fail(400, 'bare CR');
          this.pos = i + 1 - base;
          this.fields = (span - firstSpan) >> 2;
          return scan.done;
        default: {
          const next = this.first(buf, base, i, end);
          if (next < 0) return scan.failed;
          i = next;
          current = this.state;
        }
      }
    }
    this.pos = i - base;
    this.state = current;
    this.fields = (span - firstSpan) >> 2;
    return scan.more;
  }

  /** The states of the first line. Returns the new position, or -1 after a failure. */
  private first(buf: Buffer, base: number, from: number, end: number): number {
    const spans = this.spans;
    let i = from;
    switch (this.state) {
      case state.start:
        // One empty line before a request is tolerated (RFC 9112 2.2).
        if (buf[i] === CR) {
          this.state = state.startLf;
          return i + 1;
        }
        spans[0] = i - base;
        this.state = state.method;
        return i;
      case state.startLf:
        if (buf[i] !== LF) return this.refuse(400, 'bare CR');
        spans[0] = i + 1 - base;
        this.state = state.method;
        return i + 1;
      case state.method: {
        const start = base + (spans[0] as number);
        while (i < end && ((classes[buf[i] as number] as number) & isToken) !== 0) i++;
        if (i - start > maxMethodBytes) return this.refuse(501, 'method is too long');
        if (i === end) return i;
        if (buf[i] !== SP || i === start) return this.refuse(400, 'invalid method');
        spans[1] = i - base;
        this.state = state.target;
        return i + 1;
      }
      case state.target: {
        const start = base + (spans[1] as number) + 1;
        while (i < end && ((classes[buf[i] as number] as number) & isTarget) !== 0) i++;
        if (i - start > this.limits.maxTargetBytes) return this.refuse(414, 'request target is too long');
        if (i === end) return i;
        if (buf[i] !== SP || i === start) return this.refuse(400, 'invalid request target');
        spans[2] = i - base;
        this.state = state.version;
        return i + 1;
      }
      case state.version: {
        const start = base + (spans[2] as number) + 1;
        while (i < end && buf[i] !== CR && i - start <= 8) i++;
        if (i - start > 8) return this.refuse(400, 'invalid version');
        if (i === end) return i;
        if (i - start !== 8) return this.refuse(400, 'invalid version');
        spans[3] = i - base;
        this.state = state.firstLf;
        return this.version(buf, start) ? i + 1 : -1;
      }
      case state.status:
        while (i < end && ((classes[buf[i] as number] as number) & isValue) !== 0) i++;
        if (i === end) return i;
        if (buf[i] !== CR) return this.refuse(400, 'invalid status line');
        spans[3] = i - base;
        this.state = state.firstLf;
        return this.statusLine(buf, base, i) ? i + 1 : -1;
      default:
        if (buf[i] !== LF) return this.refuse(400, 'bare CR');
        this.state = state.lineStart;
        return i + 1;
    }
  }

  private refuse(status: number, text: string): -1 {
    this.fail(status, text);
    return -1;
  }

  /** `HTTP/1.0` or `HTTP/1.1` at `at` (RFC 9112 2.3). */
  private version(buf: Buffer, at: number): boolean {
    const major = (buf[at + 5] as number) - 48;
    const minor = (buf[at + 7] as number) - 48;
    const named =
      buf[at] === 72 && buf[at + 1] === 84 && buf[at + 2] === 84 && buf[at + 3] === 80 && buf[at + 4] === 47;
    if (!named || buf[at + 6] !== 46 || major < 0 || major > 9 || minor < 0 || minor > 9) {
      this.fail(400, 'invalid version');
      return false;
    }
    if (major !== 1 || minor > 1) {
      this.fail(505, 'unsupported version');
      return false;
    }
    this.minor = minor;
    return true;
  }

  /** `HTTP/1.x 200` and, after a space, any reason (RFC 9112 4). */
  private statusLine(buf: Buffer, base: number, end: number): boolean {
    if (end - base < 12 || buf[base + 8] !== SP || (end - base > 12 && buf[base + 12] !== SP)) {
      this.fail(400, 'invalid status line');
      return false;
    }
    for (let i = base + 9; i < base + 12; i++) {
      const digit = (buf[i] as number) - 48;
      if (digit < 0 || digit > 9) {
        this.fail(400, 'invalid status line');
        return false;
      }
    }
    return this.version(buf, base);
  }
}
