// One HTTP/2 connection, in either role (RFC 9113): keeps the table of streams, the receiving windows and the life of the
// socket, and settles what a fault costs: the stream, or the connection. What streams are for is left to the role.
//
//   open ─▶ fail(): GOAWAY, both sides end ─▶ closed
//     └──▶ end(): the same without fault      destroy(): at once

import type { Socket } from 'node:net';
import { deadlineIn } from '#proxy/http1/clock.ts';
import { ownSocket, resetSocket, type SocketOwner } from '#proxy/http1/socket-events.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { FieldBlock } from './field-block.ts';
import { codeName, defaultWindow, drainPing, errorCode, frameType, lastStreamId } from './frames.ts';
import type { StreamLimits } from './limits.ts';
import { Patience } from './patience.ts';
import { PeerSettings } from './peer-settings.ts';
import { Receiver } from './receiver.ts';
import { RecentResets } from './recent-resets.ts';
import { Sender, type SenderOwner } from './sender.ts';
import type { Stream, StreamOwner } from './stream.ts';

export interface ConnectionRole {
  readonly server: boolean;
  /** Settings frame that is sent first, with its head. */
  readonly opening: Buffer;
  /** The peer opens a stream; server role only. */
  open(id: number, block: FieldBlock, ended: boolean): void;
  /** A stream has ended and left the table. */
  left(stream: Stream): void;
  settled(): void;
  pinged(): void;
  /** The peer takes no streams above `last`. */
  goaway(last: number, code: number): void;
  flushed(): void;
  /** We end the connection because of `cause`; streams are told already. */
  failed(cause: ProxyError): void;
  closed(): void;
}

/** What is still sent to us after our end is read away up to so many bytes and milliseconds. */
const lingerBytes = 1024 * 1024;
const lingerMs = 1000;
/** Answers to PING and SETTINGS that may wait behind a peer that reads nothing. */
const maxReplies = 1000;

export class Connection implements SocketOwner, SenderOwner, StreamOwner {
  readonly socket: Socket;
  readonly limits: StreamLimits;
  readonly sender: Sender;
  readonly streams = new Map<number, Stream>();
  readonly peer = new PeerSettings();
  readonly patience: Patience;
  /** Ended by us or by the peer: nothing is read any more. */
  over = false;
  /** Highest stream that the peer opened. */
  lastPeer = 0;
  /** Streams above it are not looked at: it was in our last GOAWAY. */
  lastTaken: number = lastStreamId;
  /** Highest stream that we opened; client role. */
  lastOwn = 0;
  readonly role: ConnectionRole;
  private readonly receiver: Receiver;
  readonly resets = new RecentResets();
  private window: number;
  private unannounced = 0;
  private replies = 0;
  private lingered = 0;
  private deadline = 0;
  private writeDeadline = 0;
  private frameDeadline = 0;

  constructor(socket: Socket, role: ConnectionRole, limits: StreamLimits) {
    const { http2 } = limits;
    this.socket = socket;
    this.role = role;
    this.limits = limits;
    this.sender = new Sender(socket, this);
    this.patience = new Patience(http2);
    this.receiver = new Receiver(this);
    this.window = http2.connectionWindow;
    ownSocket(socket, this);
    this.sayHello();
  }

  get sendWindow(): number {
    return this.peer.initialWindow;
  }

  get receiveWindow(): number {
    return this.limits.http2.streamWindow;
  }

  get maxQueued(): number {
    return this.limits.maxBuffered;
  }

  private sayHello(): void {
    const { writer } = this.sender;
    const hello = this.role.opening;
    writer.reserve(hello.length);
    hello.copy(writer.memory, writer.position);
    writer.advance(hello.length);
    const more = this.window - defaultWindow;
    if (more > 0) writer.numbers(frameType.windowUpdate << 8, 0, more);
  }

  // ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(data: Buffer): void {
    if (this.over) {
      this.lingered += data.length;
      if (this.lingered > lingerBytes) this.destroy(null);
      return;
    }
    this.receiver.read(data);
    if (!this.receiver.waiting) this.frameDeadline = 0;
    else if (this.frameDeadline === 0) this.frameDeadline = deadlineIn(this.limits.headerTimeout);
  }

  /** False when the peer has sent more DATA than the connection's window allows. */
  spend(bytes: number): boolean {
    this.window -= bytes;
    return this.window >= 0;
  }

  consumed(stream: Stream, bytes: number): void {
    this.consumedAlone(bytes);
    if (stream.remoteDone || stream.gone) return;
    stream.unannounced += bytes;
    const { streamWindow } = this.limits.http2;
    if (stream.unannounced < streamWindow / 2 || this.over) return;
    this.sender.writer.numbers(frameType.windowUpdate << 8, stream.id, stream.unannounced);
    stream.receiveWindow += stream.unannounced;
    stream.unannounced = 0;
  }

  /** No stream is known for them any more. */
  consumedAlone(bytes: number): void {
    this.unannounced += bytes;
    if (this.unannounced < this.limits.http2.connectionWindow / 2 || this.over) return;
    this.sender.writer.numbers(frameType.windowUpdate << 8, 0, this.unannounced);
    this.window += this.unannounced;
    this.unannounced = 0;
  }

  /** The frame moved nothing. */
  idle(): void {
    if (!this.patience.idle()) this.calm('too many frames without use');
  }

  countReply(): void {
    this.idle();
    if (++this.replies > maxReplies) this.calm('nothing is read');
  }

  calm(text: string): void {
    this.fail(errorCode.enhanceYourCalm, text);
  }

  // ── streams ───────────────────────────────────────────────────────────────────────────────────────────────────

  ready(stream: Stream): void {
    if (!stream.gone) this.sender.list(stream);
  }

  reset(stream: Stream, code: number): void {
    if (stream.gone) return;
    const { id, remoteDone } = stream;
    this.remove(stream);
    if (this.over) return;
    if (!remoteDone) this.resets.add(id);
    this.sender.writer.numbers(frameType.rstStream << 8, id, code);
  }

  /** Refuses a stream that is not in the table. */
  resetUnknown(id: number, code: number): void {
    this.resets.add(id);
    this.sender.writer.numbers(frameType.rstStream << 8, id, code);
  }

  /** The peer broke the rules of one stream. */
  fault(stream: Stream, code: number, text: string): void {
    this.reset(stream, code);
    stream.onGone(new ProxyError(this.role.server ? 'BadRequest' : 'UpstreamProtocol', text));
    if (!this.patience.reset()) this.calm('too many faulty streams');
  }

  ended(stream: Stream): void {
    this.remove(stream);
  }

  sent(stream: Stream): void {
    stream.onSent();
    if (stream.remoteDone && !stream.gone) this.ended(stream);
  }

  remove(stream: Stream): void {
    if (stream.gone) return;
    stream.gone = true;
    stream.forget();
    this.streams.delete(stream.id);
    this.role.left(stream);
  }

  // ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────

  stalled(stream: Stream): void {
    if (stream.stallDeadline !== 0) return;
    stream.stallDeadline = deadlineIn(this.limits.writeTimeout);
    stream.moved = 0;
  }

  progress(stream: Stream, bytes: number): void {
    if (bytes >= 256 || stream.queued === 0) this.patience.useful(4);
    if (stream.stallDeadline === 0) return;
    stream.moved += bytes;
    // A window that opens byte by byte is no progress (CVE-2019-9511).
    if (stream.moved >= 1024 || stream.queued === 0) stream.stallDeadline = 0;
  }

  flushed(): void {
    if (this.socket.writableNeedDrain) {
      if (this.writeDeadline === 0) this.writeDeadline = deadlineIn(this.limits.writeTimeout);
    } else {
      this.replies = 0;
    }
    this.role.flushed();
  }

  drained(): void {
    this.writeDeadline = 0;
    this.replies = 0;
    this.sender.writer.drained();
    this.sender.writer.wake();
    this.role.flushed();
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  sweep(now: number): void {
    this.patience.tick();
    if (this.deadline !== 0 && now > this.deadline) return this.destroy(null);
    if (this.writeDeadline !== 0 && now > this.writeDeadline) {
      return this.destroy(this.lost('the peer takes no bytes'));
    }
    if (this.over) return;
    if (this.frameDeadline !== 0 && now > this.frameDeadline) return this.fail(errorCode.cancel, 'a frame is too slow');
    for (const stream of this.streams.values()) {
      if (stream.deadline !== 0 && now > stream.deadline) {
        stream.deadline = 0;
        stream.onExpired();
      }
      if (stream.stallDeadline !== 0 && now > stream.stallDeadline) this.onStall(stream);
      if (this.over) return;
    }
  }

  /** Somebody may leave one answer for later; one who takes nothing at all is not waited for (CVE-2019-9517). */
  private onStall(stream: Stream): void {
    let others = false;
    for (const each of this.streams.values()) if (each.stallDeadline === 0) others = true;
    if (this.role.server && (!others || this.sender.starved)) return this.calm('no window is opened');
    this.reset(stream, errorCode.cancel);
    stream.onGone(this.lost('a window is not opened'));
  }

  /** GOAWAY that announces the end: streams that the peer opens meanwhile are still taken. */
  announceEnd(): void {
    this.sender.writer.numbers(frameType.goaway << 8, 0, lastStreamId, errorCode.noError);
    this.sender.writer.payload(frameType.ping << 8, 0, drainPing);
  }

  /** The last GOAWAY: no stream that the peer opens from now on is looked at. */
  takeNoMore(): void {
    if (this.lastTaken !== lastStreamId || this.over) return;
    this.lastTaken = this.lastPeer;
    this.sender.writer.numbers(frameType.goaway << 8, 0, this.lastPeer, errorCode.noError);
  }

  /** Our end, without fault; streams that are still open are lost. */
  end(): void {
    if (this.over) return;
    if (this.lastTaken === lastStreamId) this.takeNoMore();
    this.finish(this.lost('the connection has ended'));
  }

  /** The peer broke the protocol: GOAWAY and the end. */
  fail(code: number, text: string): void {
    if (this.over) return;
    this.sender.writer.numbers(frameType.goaway << 8, 0, this.lastPeer, code);
    this.finish(new ProxyError(this.role.server ? 'BadRequest' : 'UpstreamProtocol', `${codeName(code)}: ${text}`));
  }

  private finish(cause: ProxyError): void {
    this.over = true;
    this.deadline = deadlineIn(lingerMs);
    this.dropStreams(cause);
    this.role.failed(cause);
    this.sender.writer.end();
    this.role.flushed();
  }

  /** `cause` null = nothing is lost by it. */
  destroy(cause: ProxyError | null): void {
    this.over = true;
    this.deadline = 0;
    this.writeDeadline = 0;
    this.dropStreams(cause ?? this.lost('the connection is lost'));
    this.sender.writer.drop();
    if (cause === null) this.socket.destroy();
    else resetSocket(this.socket);
  }

  private dropStreams(cause: ProxyError): void {
    for (const stream of this.streams.values()) {
      this.remove(stream);
      stream.onGone(cause);
    }
  }

  private lost(text: string): ProxyError {
    return new ProxyError(this.role.server ? 'ClientAbort' : 'UpstreamReset', text, { retry: 'idempotent' });
  }

  inputEnded(): void {
    // HTTP/2 knows no half-closed connections.
    if (this.over) this.socket.end();
    else this.destroy(this.lost('the peer has gone'));
  }

  closed(): void {
    this.destroy(this.lost('the peer has gone'));
    this.role.closed();
  }
}
