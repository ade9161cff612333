// The one incremental parser of HTTP/1.1 messages, for both roles: the server role reads requests with it, the client
// role responses. Strict by RFC 9112: what two readers could frame differently is refused, never repaired.
//
// It is pulled: the caller feeds a chunk and asks for one event after the other, and may stop after any of them, which
// is all there is to back-pressure. Body bytes are handed out by reference.
//
//   let at = 0;
//   for (;;) {
//     const event = parser.next(data, at);   // more · head · chunk · end · failed
//     at = parser.offset;
//     if (event === parseEvent.more) break;  // everything was consumed
//   }
//
// `head` is followed by chunk* and `end` when `hasBody`; otherwise the next message starts at once. After `failed` the
// parser is of no further use. Connection-level fields never reach `headers`; what they say stands in the parser.

import { ChunkReader, chunkStep } from './chunk-reader.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { readFields, readTrailers } from './fields.ts';
import { HeadScanner, scan, section } from './head-scanner.ts';
import { readTarget } from './target.ts';
import type { ParserLimits } from './limits.ts';

export type Role = 'request' | 'response';

export const parseEvent = { more: 0, head: 1, chunk: 2, end: 3, failed: 4 } as const;
export type ParseEvent = (typeof parseEvent)[keyof typeof parseEvent];

const phase = { head: 0, fixed: 1, chunked: 2, trailers: 3, untilClose: 4, tunnel: 5, failed: 6 } as const;

const noBytes = Buffer.alloc(0);
const noHeaders = new HeaderList();

export class MessageParser {
  readonly role: Role;

  // The last head. Strings and the list belong to the caller: the parser makes new ones for every message.
  method = '';
  /** Origin form or `*`; the authority of an absolute form is taken off. */
  target = '';
  /** From an absolute-form target, else from Host; `` when there was none. */
  authority = '';
  status = 0;
  reason = '';
  /** HTTP/1.`minor`. */
  minor = 1;
  /**
   * End-to-end fields in order. Without Connection and what it names, Keep-Alive, Proxy-Connection, TE, Trailer,
   * Transfer-Encoding, Upgrade (but in a 101), Host and Expect. Content-Length stays, for whoever wants to look; framing
   * is what `length` says.
   */
  headers: HeaderList = noHeaders;
  /** False also for a declared length of 0. */
  hasBody = false;
  /** Declared bytes of the body, -1 = unknown (chunked or until close). */
  length = 0;
  /** The peer is willing to go on with this connection after the message. */
  keepAlive = true;
  /** Value of Upgrade when Connection names it, else ``. */
  upgrade = '';
  /** Value of Expect, else ``. */
  expect = '';
  /** TE lists `trailers`. */
  teTrailers = false;

  /** Bytes of the last `chunk`: part of the fed chunk, not a copy. */
  chunk: Buffer = noBytes;
  /** Trailers of the last `end`, or null. */
  trailers: HeaderList | null = null;
  /** Status for the client (request role), and a text for the log. */
  failStatus = 0;
  failText = '';

  /** Where to go on in the chunk last fed. */
  offset = 0;
  /** Bytes of the current message so far, as on the wire. */
  bytes = 0;
  /** Response role: set before each response whether it answers HEAD. */
  answersHead = false;

  private readonly scanner: HeadScanner;
  private readonly chunks: ChunkReader;
  private phase: number = phase.head;
  private left = 0;

  constructor(role: Role, limits: ParserLimits) {
    this.role = role;
    this.scanner = new HeadScanner(limits);
    this.chunks = new ChunkReader();
    this.restart();
  }

  /** Between two messages: nothing of the next one has been seen (an empty line before it does not count). */
  get idle(): boolean {
    return this.phase === phase.head && !this.scanner.started;
  }

  /** In the middle of a head. */
  get inHead(): boolean {
    return this.phase === phase.head && this.scanner.started;
  }

  /** Bytes kept of a head or trailer section that is not complete. */
  get buffered(): number {
    return this.scanner.buffered;
  }

  /** It is asked for nothing any more. Returns the bytes that this frees. */
  drop(): number {
    return this.scanner.drop();
  }

  /** After a 101 the rest of the connection is not HTTP: next() consumes nothing any more. */
  get isTunnel(): boolean {
    return this.phase === phase.tunnel;
  }

  next(data: Buffer, offset: number): ParseEvent {
    if (this.phase === phase.head && !this.scanner.started) this.bytes = 0;
    const event = this.step(data, offset);
    this.bytes += this.offset - offset;
    return event;
  }

  /** The peer has ended its side: `end` for a body that lasts until close, `more` between messages, else `failed`. */
  finish(): ParseEvent {
    if (this.phase === phase.untilClose) {
      this.trailers = null;
      this.restart();
      return parseEvent.end;
    }
    if (this.phase === phase.tunnel || this.idle) return parseEvent.more;
    if (this.phase === phase.failed) return parseEvent.failed;
    // A body of known length may have been read to its end without anybody having asked for the event.
    if (this.phase === phase.fixed && this.left === 0) return this.endFixed();
    return this.fail(400, 'connection closed in the middle of a message');
  }

  /** Request role: an upgrade was accepted, what follows is not HTTP. */
  becomeTunnel(): void {
    this.phase = phase.tunnel;
  }

  private step(data: Buffer, offset: number): ParseEvent {
    this.offset = offset;
    switch (this.phase) {
      case phase.head:
        return this.readHead(data, offset);
      case phase.fixed:
        return this.readFixed(data, offset);
      case phase.chunked:
        return this.readChunked(data, offset);
      case phase.trailers:
        return this.readTrailers(data, offset);
      case phase.untilClose:
        if (offset === data.length) return parseEvent.more;
        return this.give(data, offset, data.length);
      case phase.tunnel:
        return parseEvent.more;
      default:
        return parseEvent.failed;
    }
  }

  private readHead(data: Buffer, offset: number): ParseEvent {
    const scanner = this.scanner;
    const result = scanner.feed(data, offset);
    if (result === scan.failed) return this.fail(scanner.failStatus, scanner.failText);
    this.offset = scanner.offset;
    if (result === scan.more) return parseEvent.more;
    this.minor = scanner.minor;
    const fine = this.role === 'request' ? this.requestHead() : this.responseHead();
    scanner.text = '';
    return fine ? parseEvent.head : parseEvent.failed;
  }

  private requestHead(): boolean {
    const { text } = this.scanner;
    const methodEnd = this.scanner.methodEnd();
    this.method = text.slice(this.scanner.methodStart(), methodEnd);
    const target = text.slice(methodEnd + 1, this.scanner.targetEnd());
    const framing = readFields(this.scanner, false);
    this.take(framing);
    if (framing.failStatus !== 0) return this.refuse(framing.failStatus, framing.failText);
    if (framing.hosts > 1) return this.refuse(400, 'more than one Host');
    if (framing.hosts === 0 && this.minor === 1) return this.refuse(400, 'no Host');
    const place = readTarget(this.method, target, framing.host);
    if (place.failStatus !== 0) return this.refuse(place.failStatus, place.failText);
    this.target = place.target;
    this.authority = place.authority;
    if (framing.chunked && this.minor === 0) return this.refuse(400, 'Transfer-Encoding in HTTP/1.0');
    this.enterBody(framing.chunked, framing.contentLength, false);
    return true;
  }

  private responseHead(): boolean {
    const { text } = this.scanner;
    this.status = (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + text.charCodeAt(11) - 48;
    this.reason = text.slice(13, this.scanner.lineEnd());
    if (this.status < 100) return this.refuse(400, 'invalid status');
    const framing = readFields(this.scanner, true);
    this.take(framing);
    if (framing.failStatus !== 0) return this.refuse(framing.failStatus, framing.failText);
    if (framing.chunked && this.minor === 0) return this.refuse(400, 'Transfer-Encoding in HTTP/1.0');
    if (this.status === 101) {
      if (this.upgrade !== '') this.headers.append('Upgrade', this.upgrade);
      this.hasBody = false;
      this.length = 0;
      this.phase = phase.tunnel;
      return true;
    }
    const { status } = this;
    if (this.answersHead || status < 200 || status === 204 || status === 304) {
      // An origin that frames a body where none may be (RFC 9112 6.3) may send one: never use the connection again.
      if (status === 204 && (framing.chunked || framing.contentLength > 0)) this.keepAlive = false;
      this.hasBody = false;
      this.length = 0;
      this.restart();
      return true;
    }
    this.enterBody(framing.chunked, framing.contentLength, true);
    return true;
  }

  private take(framing: ReturnType<typeof readFields>): void {
    this.headers = framing.headers;
    this.keepAlive = this.minor === 1 ? !framing.close : framing.keepAlive && !framing.close;
    this.upgrade = framing.upgrade;
    this.expect = framing.expect;
    this.teTrailers = framing.teTrailers;
  }

  private enterBody(chunked: boolean, contentLength: number, untilClose: boolean): void {
    this.hasBody = true;
    if (chunked) {
      this.length = -1;
      this.phase = phase.chunked;
      this.chunks.reset();
    } else if (contentLength > 0) {
      this.length = contentLength;
      this.left = contentLength;
      this.phase = phase.fixed;
    } else if (contentLength < 0 && untilClose) {
      this.length = -1;
      this.keepAlive = false;
      this.phase = phase.untilClose;
    } else {
      this.hasBody = false;
      this.length = 0;
      this.restart();
    }
  }

  private readFixed(data: Buffer, offset: number): ParseEvent {
    if (this.left === 0) return this.endFixed();
    const size = data.length - offset;
    if (size === 0) return parseEvent.more;
    const take = size < this.left ? size : this.left;
    this.left -= take;
    return this.give(data, offset, offset + take);
  }

  private endFixed(): ParseEvent {
    this.trailers = null;
    this.restart();
    return parseEvent.end;
  }

  private readChunked(data: Buffer, offset: number): ParseEvent {
    const { chunks } = this;
    const step = chunks.next(data, offset);
    this.offset = chunks.offset;
    switch (step) {
      case chunkStep.more:
        return parseEvent.more;
      case chunkStep.bytes:
        this.chunk = data.subarray(chunks.offset - chunks.size, chunks.offset);
        return parseEvent.chunk;
      case chunkStep.last:
        this.phase = phase.trailers;
        this.scanner.reset(section.trailers);
        return this.readTrailers(data, chunks.offset);
      case chunkStep.failed:
        return this.fail(400, chunks.failText);
      default:
        return step satisfies never;
    }
  }

  private readTrailers(data: Buffer, offset: number): ParseEvent {
    const { scanner } = this;
    const result = scanner.feed(data, offset);
    if (result === scan.failed) return this.fail(scanner.failStatus, scanner.failText);
    this.offset = scanner.offset;
    if (result === scan.more) return parseEvent.more;
    this.trailers = scanner.fields === 0 ? null : readTrailers(scanner);
    scanner.text = '';
    this.restart();
    return parseEvent.end;
  }

  private give(data: Buffer, from: number, to: number): ParseEvent {
    this.chunk = from === 0 && to === data.length ? data : data.subarray(from, to);
    this.offset = to;
    return parseEvent.chunk;
  }

  /** The next message may start. */
  private restart(): void {
    this.phase = phase.head;
    this.chunk = noBytes;
    this.scanner.reset(this.role === 'request' ? section.request : section.response);
  }

  private refuse(status: number, text: string): false {
    this.fail(status, text);
    return false;
  }

  private fail(status: number, text: string): ParseEvent {
    this.failStatus = status;
    this.failText = text;
    this.phase = phase.failed;
    return parseEvent.failed;
  }
}
