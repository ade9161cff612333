// Frames on their way out. All connections of a thread write into one scratch buffer, each its own stretch of it; what
// a connection has queued during one turn of the loop goes to its socket in one write, in one setImmediate. Large
// payloads are passed on by reference. Back-pressure is the sender's to obey: `blocked`.

import type { Socket } from 'node:net';
import { frameHeaderBytes } from './frames.ts';

export interface WriterOwner {
  /** A write is about to go out: puts in what has been waiting for its turn. */
  fill(): void;
  /** What was queued, if anything, was handed to the socket. */
  flushed(): void;
}

/** Takes memory back once the kernel has its bytes: a Body that offers recycle(). */
export interface Lender {
  recycle?(data: Buffer): void;
}

const scratchBytes = 64 * 1024;
/** A payload up to this size is copied beside its frame head: cheaper than one more part of a vectored write. */
const copyBytes = 4096;
/** Stretches that other connections have come between are joined by a copy up to this size. */
const joinBytes = 16 * 1024;

let scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes);
let used = 0;
/** Whose stretch is open at the end of `scratch`. */
const open: { writer: FrameWriter | null } = { writer: null };

export class FrameWriter {
  /** Bytes queued since the last flush. */
  queued = 0;
  /** Bytes handed to the socket so far. */
  written = 0;
  /** The socket said stop; it will say drain. */
  blocked = false;
  private readonly socket: Socket;
  private readonly owner: WriterOwner;
  private parts: Buffer[] = [];
  private start = 0;
  private scheduled = false;
  private ending = false;
  /** Chunks that go back to their lenders, and how many of them were handed to the socket. */
  private lent: Buffer[] = [];
  private lenders: Lender[] = [];
  private lentWritten = 0;

  constructor(socket: Socket, owner: WriterOwner) {
    this.socket = socket;
    this.owner = owner;
  }

  /** Makes room for `bytes` in one piece; they are to be written at `memory[position]` and then counted by advance(). */
  reserve(bytes: number): void {
    if (open.writer === this && scratch.length - used >= bytes) return;
    open.writer?.close();
    if (scratch.length - used < bytes) {
      scratch = Buffer.allocUnsafeSlow(Math.max(scratchBytes, bytes));
      used = 0;
    }
    open.writer = this;
    this.start = used;
  }

  get memory(): Buffer {
    return scratch;
  }

  get position(): number {
    return used;
  }

  advance(bytes: number): void {
    used += bytes;
    this.queued += bytes;
    if (!this.scheduled) this.schedule();
  }

  /** Writes a frame head at the reserved place, `ahead` bytes after it; nothing is counted. */
  putHead(ahead: number, length: number, typeAndFlags: number, stream: number): void {
    let at = used + ahead;
    scratch[at++] = length >>> 16;
    scratch[at++] = length >>> 8;
    scratch[at++] = length;
    scratch[at++] = typeAndFlags >>> 8;
    scratch[at++] = typeAndFlags;
    scratch[at++] = stream >>> 24;
    scratch[at++] = stream >>> 16;
    scratch[at++] = stream >>> 8;
    scratch[at] = stream;
  }

  /** A frame of four-byte numbers. */
  numbers(typeAndFlags: number, stream: number, ...values: readonly number[]): void {
    const length = values.length * 4;
    this.reserve(frameHeaderBytes + length);
    this.putHead(0, length, typeAndFlags, stream);
    let at = used + frameHeaderBytes;
    for (const value of values) {
      scratch[at++] = value >>> 24;
      scratch[at++] = value >>> 16;
      scratch[at++] = value >>> 8;
      scratch[at++] = value;
    }
    this.advance(frameHeaderBytes + length);
  }

  /** A frame with a payload that is there already. */
  payload(typeAndFlags: number, stream: number, data: Buffer): void {
    const { length } = data;
    if (length <= copyBytes) {
      this.reserve(frameHeaderBytes + length);
      this.putHead(0, length, typeAndFlags, stream);
      data.copy(scratch, used + frameHeaderBytes);
      this.advance(frameHeaderBytes + length);
      return;
    }
    this.reserve(frameHeaderBytes);
    this.putHead(0, length, typeAndFlags, stream);
    this.advance(frameHeaderBytes);
    this.close();
    this.parts.push(data);
    this.queued += length;
  }

  /** Everything of `chunk` is queued or copied. */
  giveBack(chunk: Buffer, lender: Lender | null): void {
    if (lender === null || lender.recycle === undefined) return;
    this.lent.push(chunk);
    this.lenders.push(lender);
  }

  /** A write goes out in this turn of the loop, whether or not something is queued already. */
  wake(): void {
    if (!this.scheduled) this.schedule();
  }

  /** FIN after what is queued. */
  end(): void {
    this.ending = true;
    this.wake();
  }

  /** Forgets what is queued: the socket is about to be destroyed. */
  drop(): void {
    if (open.writer === this) open.writer = null;
    this.parts = [];
    this.queued = 0;
    this.ending = false;
    this.lent = [];
    this.lenders = [];
    this.lentWritten = 0;
  }

  /** To be called on the socket's `drain`. */
  drained(): void {
    this.blocked = false;
    if (this.lentWritten > 0) this.recycle();
  }

  flush(): void {
    this.scheduled = false;
    this.owner.fill();
    if (open.writer === this) {
      this.close();
      open.writer = null;
    }
    const { parts, queued } = this;
    if (queued > 0) {
      this.written += queued;
      this.parts = [];
      this.queued = 0;
      this.blocked = !this.write(parts, queued);
      if (this.lent.length > 0) {
        this.lentWritten = this.lent.length;
        this.recycle();
      }
    }
    this.owner.flushed();
    if (this.ending && this.queued === 0) {
      this.ending = false;
      this.socket.end();
    }
  }

  /** Whether bytes of the scratch buffer may still be read by the socket. */
  get busy(): boolean {
    return this.socket.writableLength > 0;
  }

  private write(parts: readonly Buffer[], size: number): boolean {
    const { socket } = this;
    if (parts.length === 1) return socket.write(parts[0] as Buffer);
    if (size <= joinBytes) return socket.write(Buffer.concat(parts, size));
    socket.cork();
    let more = true;
    for (const part of parts) more = socket.write(part);
    socket.uncork();
    return more;
  }

  private close(): void {
    if (used > this.start) this.parts.push(scratch.subarray(this.start, used));
    this.start = used;
  }

  private recycle(): void {
    if (this.socket.writableLength > 0) return;
    const count = this.lentWritten;
    const lent = this.lent.splice(0, count);
    const lenders = this.lenders.splice(0, count);
    this.lentWritten = 0;
    for (let i = 0; i < count; i++) lenders[i]?.recycle?.(lent[i] as Buffer);
  }

  private schedule(): void {
    this.scheduled = true;
    waiting.push(this);
    if (waiting.length === 1) setImmediate(flushAll);
  }
}

/** Two lists that take turns: what is queued while the batch is written belongs to the next one. */
let waiting: FrameWriter[] = [];
let flushing: FrameWriter[] = [];

function flushAll(): void {
  const batch = waiting;
  waiting = flushing;
  flushing = batch;
  let busy = false;
  for (let i = 0; i < batch.length; i++) {
    const writer = batch[i] as FrameWriter;
    writer.flush();
    if (writer.busy) busy = true;
  }
  batch.length = 0;
  if (waiting.length > 0 || open.writer !== null) return;
  // What the kernel has not taken is still read from; the next turn gets memory of its own.
  if (busy) scratch = Buffer.allocUnsafeSlow(scratchBytes);
  used = 0;
}
