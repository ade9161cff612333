// The sending half of a connection: encodes heads, shares the connection among the streams that have something to
// send, one frame each in turn, and keeps to the peer's windows. A head goes out when it is made, DATA when the turn of
// the loop ends; so that the answers of a turn leave in one write and every stream has its share of it.

import type { Socket } from 'node:net';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import { FrameWriter, type WriterOwner } from './frame-writer.ts';
import { defaultFrameSize, defaultWindow, flag, frameHeaderBytes, frameType, largestWindow } from './frames.ts';
import { fieldBound, HpackEncoder } from './hpack-encoder.ts';
import { outgoing, outgoingName } from './outgoing-fields.ts';
import type { Stream } from './stream.ts';

/** Bytes of DATA that one write takes, so that a fast client does not hold up all others of the thread. */
const turnBytes = 256 * 1024;
/** Bytes of a block beside its fields: table size updates and the pseudo-fields of an answer. */
const blockOverhead = 32;

export interface SenderOwner {
  /** The last frame of our side of the stream is queued. */
  sent(stream: Stream): void;
  /** The stream cannot go on before the peer opens a window. */
  stalled(stream: Stream): void;
  progress(stream: Stream, bytes: number): void;
  flushed(): void;
}

export class Sender implements WriterOwner {
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder = new HpackEncoder();
  /** Bytes of DATA that the peer takes on the connection. */
  window: number = defaultWindow;
  /** What the peer's settings say of new streams and of frames. */
  initialWindow: number = defaultWindow;
  private readonly owner: SenderOwner;
  private head: Stream | null = null;
  private tail: Stream | null = null;
  private block = 0;

  constructor(socket: Socket, owner: SenderOwner) {
    this.owner = owner;
    this.writer = new FrameWriter(socket, this);
  }

  /** Streams wait for the connection's window. */
  get starved(): boolean {
    return this.head !== null && this.window <= 0;
  }

  /** False when the peer may not send so much (RFC 9113 6.9.1). */
  open(increment: number): boolean {
    this.window += increment;
    if (this.head !== null) this.writer.wake();
    return this.window <= largestWindow;
  }

  /** Behind those of the same urgency, so that they take turns. */
  list(stream: Stream): void {
    if (stream.listed) return;
    stream.listed = true;
    this.writer.wake();
    const { head, tail } = this;
    if (head === null || tail === null || tail.urgency <= stream.urgency) {
      stream.nextListed = null;
      if (tail === null) this.head = stream;
      else tail.nextListed = stream;
      this.tail = stream;
    } else if (head.urgency > stream.urgency) {
      stream.nextListed = head;
      this.head = stream;
    } else {
      let before = head;
      while (before.nextListed !== null && before.nextListed.urgency <= stream.urgency) before = before.nextListed;
      stream.nextListed = before.nextListed;
      before.nextListed = stream;
    }
  }

  /** Its urgency has changed. */
  relist(stream: Stream): void {
    if (!stream.listed) return;
    if (this.head === stream) {
      this.unlist(stream);
    } else {
      let before = this.head;
      while (before !== null && before.nextListed !== stream) before = before.nextListed;
      if (before === null) return;
      before.nextListed = stream.nextListed;
      if (this.tail === stream) this.tail = before;
      stream.listed = false;
    }
    this.list(stream);
  }

  // ── field blocks ──

  /** Room for a block with `headers`, and `extra` bytes for other fields. The encoder is ready to be used. */
  beginBlock(headers: HeaderList, extra: number): void {
    const { names, values } = headers;
    let bound = blockOverhead + extra;
    for (let i = 0; i < names.length; i++) bound += fieldBound(names[i] as string, values[i] as string);
    const { writer } = this;
    writer.reserve(frameHeaderBytes + bound);
    this.block = writer.position + frameHeaderBytes;
    this.encoder.begin(writer.memory, this.block);
  }

  /** Sends the block. The number of bytes it took. */
  endBlock(stream: number, end: boolean): number {
    const { writer, encoder, block } = this;
    const length = encoder.at - block;
    const flags = end ? flag.endStream | flag.endHeaders : flag.endHeaders;
    if (length > defaultFrameSize) return this.splitBlock(stream, end, length);
    writer.putHead(0, length, (frameType.headers << 8) | flags, stream);
    writer.advance(frameHeaderBytes + length);
    return frameHeaderBytes + length;
  }

  /** The block must not be sent. Whatever it put into the table has not reached the peer. */
  abandonBlock(): void {
    this.encoder.startOver();
  }

  private splitBlock(stream: number, end: boolean, length: number): number {
    const { writer } = this;
    const whole = Buffer.from(writer.memory.subarray(this.block, this.block + length));
    for (let at = 0; at < length; at += defaultFrameSize) {
      const part = whole.subarray(at, Math.min(length, at + defaultFrameSize));
      const last = at + part.length === length ? flag.endHeaders : 0;
      const type = at === 0 ? frameType.headers : frameType.continuation;
      writer.payload((type << 8) | last | (at === 0 && end ? flag.endStream : 0), stream, part);
    }
    return length + frameHeaderBytes;
  }

  private trailers(stream: Stream, trailers: HeaderList): void {
    this.beginBlock(trailers, 0);
    const { names, values } = trailers;
    for (let i = 0; i < names.length; i++) {
      const name = outgoingName(names[i] as string);
      // Invalid ones are left out: the body has gone already.
      if (name.use <= outgoing.secret) this.encoder.field(name, values[i] as string);
    }
    stream.count(0, this.endBlock(stream.id, true));
  }

  // ── DATA ──

  fill(): void {
    const { writer, owner } = this;
    let left = writer.blocked ? 0 : turnBytes;
    while (this.head !== null && left > 0) {
      const stream = this.head;
      const { queued } = stream;
      const size = Math.min(stream.sendWindow, this.window, defaultFrameSize, queued);
      if (size <= 0 && queued > 0 && this.window <= 0 && !stream.gone) break;
      this.unlist(stream);
      if (stream.gone) continue;
      if (queued > 0) {
        if (size <= 0) {
          owner.stalled(stream);
          continue;
        }
        left -= this.data(stream, size);
      }
      if (stream.localDone) continue;
      if (stream.atEnd) this.finish(stream);
      else if (stream.queued > 0) this.list(stream);
      stream.goOn();
    }
    if (this.starved && this.head !== null) owner.stalled(this.head);
    else if (this.head !== null && !writer.blocked) writer.wake();
  }

  flushed(): void {
    this.owner.flushed();
    if (this.head !== null && !this.writer.blocked && this.window > 0) this.writer.wake();
  }

  private data(stream: Stream, limit: number): number {
    const { writer } = this;
    const data = stream.peek(limit);
    const { length } = data;
    const last = stream.endsWith(length);
    writer.payload((frameType.data << 8) | (last ? flag.endStream : 0), stream.id, data);
    stream.count(0, length + frameHeaderBytes);
    stream.sendWindow -= length;
    this.window -= length;
    const chunk = stream.take(length);
    if (chunk !== null) writer.giveBack(chunk, stream.lender);
    this.owner.progress(stream, length);
    if (last) this.sent(stream);
    return length + frameHeaderBytes;
  }

  private finish(stream: Stream): void {
    const { lastFields } = stream;
    if (lastFields === null) {
      this.writer.payload((frameType.data << 8) | flag.endStream, stream.id, nothing);
      stream.count(0, frameHeaderBytes);
    } else {
      this.trailers(stream, lastFields);
    }
    this.sent(stream);
  }

  private sent(stream: Stream): void {
    stream.localDone = true;
    this.owner.sent(stream);
  }

  private unlist(stream: Stream): void {
    this.head = stream.nextListed;
    if (this.head === null) this.tail = null;
    stream.nextListed = null;
    stream.listed = false;
  }
}

const nothing: Buffer = Buffer.alloc(0);
