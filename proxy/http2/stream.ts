// One stream of a connection, whatever the role: its windows, which sides have ended, and the bytes that wait to be
// sent. What a stream is for, a request to be answered or one to be asked, is a subclass.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { FieldBlock } from './field-block.ts';
import { defaultUrgency } from './urgency.ts';

/** The connection, as its streams see it. */
export interface StreamOwner {
  readonly sendWindow: number;
  readonly receiveWindow: number;
  readonly maxQueued: number;
  /** The peer may send so many bytes more on this stream and on the connection. */
  consumed(stream: Stream, bytes: number): void;
  /** The stream has something to send. */
  ready(stream: Stream): void;
  /** Ends the stream from our side with an error code. Its subclass is not told. */
  reset(stream: Stream, code: number): void;
  /** Both sides of the stream have ended. */
  ended(stream: Stream): void;
}

export abstract class Stream {
  readonly id: number;
  sendWindow: number;
  receiveWindow: number;
  /** Bytes handed on but not yet announced to the peer. */
  unannounced = 0;
  /** The peer's side has ended. */
  remoteDone: boolean;
  /** Our side has ended, on the wire. */
  localDone = false;
  /** It is in the connection's table no more. */
  gone = false;
  /** 0 = none. */
  deadline = 0;
  /** By when what waits to be sent has to move. */
  stallDeadline = 0;
  /** Bytes sent since `stallDeadline` was set. */
  moved = 0;
  /** Of those that have something to send the lowest goes first. */
  urgency: number = defaultUrgency;
  /** In the list of those that have something to send. */
  listed = false;
  nextListed: Stream | null = null;
  /** Bytes that wait to be sent. */
  queued = 0;
  protected readonly owner: StreamOwner;
  /** Where the bytes come from, and takes their memory back. */
  protected source: Body | null = null;
  private sourcePaused = false;
  private first: Buffer | null = null;
  private firstAt = 0;
  private rest: Buffer[] | null = null;
  /** Our side ends after what is queued. */
  private ending = false;
  private trailers: HeaderList | null = null;

  constructor(owner: StreamOwner, id: number, remoteDone: boolean) {
    this.owner = owner;
    this.id = id;
    this.sendWindow = owner.sendWindow;
    this.receiveWindow = owner.receiveWindow;
    this.remoteDone = remoteDone;
  }

  /** Kind of the field block that may come next (blockOf). */
  abstract get expects(): number;
  /** A field block: a head, or trailers. `ended` = it was the last thing of the peer. */
  abstract onBlock(block: FieldBlock, ended: boolean): void;
  abstract onData(data: Buffer): void;
  /** The peer has ended its side, with DATA. */
  abstract onEnd(): void;
  /** The end before its time: reset by the peer, broken by a fault of it, or the connection is lost. */
  abstract onGone(cause: ProxyError): void;
  /** Our side has ended: the last byte is queued for the socket. */
  abstract onSent(): void;
  /** Its deadline is over. */
  abstract onExpired(): void;
  /** Bytes of frames, in and out. */
  abstract count(bytesIn: number, bytesOut: number): void;

  // ── sending ──

  protected send(data: Buffer): void {
    this.queued += data.length;
    if (this.first === null) {
      this.first = data;
      this.firstAt = 0;
    } else if (this.rest === null) {
      this.rest = [data];
    } else {
      this.rest.push(data);
    }
    this.owner.ready(this);
    if (!this.sourcePaused && this.queued >= this.owner.maxQueued) {
      this.sourcePaused = true;
      this.source?.pause();
    }
  }

  protected endSending(trailers: HeaderList | null): void {
    this.ending = true;
    this.trailers = trailers;
    this.owner.ready(this);
  }

  /** What is queued goes nowhere. */
  forget(): void {
    this.first = null;
    this.rest = null;
    this.queued = 0;
    this.ending = false;
  }

  /** Our side ends with the next `bytes`, which are all there are. */
  endsWith(bytes: number): boolean {
    return this.ending && this.trailers === null && bytes === this.queued;
  }

  /** Only the end is left to be sent. */
  get atEnd(): boolean {
    return this.ending && this.queued === 0;
  }

  get lastFields(): HeaderList | null {
    return this.trailers;
  }

  /** Up to `limit` bytes of what is queued, in one piece. */
  peek(limit: number): Buffer {
    const first = this.first as Buffer;
    const { firstAt } = this;
    if (firstAt === 0 && first.length <= limit) return first;
    return first.subarray(firstAt, Math.min(first.length, firstAt + limit));
  }

  /** `bytes` that peek() gave are written. Gives back the chunk that is used up with them, if it is. */
  take(bytes: number): Buffer | null {
    const { first } = this;
    this.queued -= bytes;
    this.firstAt += bytes;
    if (first === null || this.firstAt < first.length) return null;
    this.first = this.rest?.shift() ?? null;
    if (this.rest?.length === 0) this.rest = null;
    this.firstAt = 0;
    return first;
  }

  get lender(): Body | null {
    return this.source;
  }

  /** There is room again for what the source has. */
  goOn(): void {
    if (!this.sourcePaused || this.queued > this.owner.maxQueued / 2) return;
    this.sourcePaused = false;
    this.source?.resume();
  }
}
