// The server role: one HTTP/2 connection of a client. It judges request heads, hands each to the handler as an
// exchange, and keeps the connection's life: idle time-out, drain by GOAWAY, the end. Frames and windows are the
// connection's part, an answer is the stream's.

import type { Socket } from 'node:net';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Peer } from '#proxy/exchange/exchange.ts';
import { deadlineIn } from '#proxy/http1/clock.ts';
import { peerOf, type ServerContext } from '#proxy/http1/server-context.ts';
import { Connection, type ConnectionRole } from './connection.ts';
import type { FieldBlock } from './field-block.ts';
import { errorCode, setting } from './frames.ts';
import { http2Limits, type Http2Limits } from './limits.ts';
import { settingsFrame } from './peer-settings.ts';
import { judgeRequest } from './request-rules.ts';
import { sendError } from './response-block.ts';
import { ServerStream, type Settler } from './server-stream.ts';
import { urgencyOf } from './urgency.ts';

/** How long a client has to hear of the end before it is final: its requests under way are still taken. */
const drainNoticeMs = 1000;

export class Http2ServerConnection implements ConnectionRole, Settler {
  readonly server = true;
  readonly opening: Buffer;
  readonly peer: Peer;
  private readonly context: ServerContext;
  private readonly connection: Connection;
  /** Answered, but perhaps not with the kernel yet. */
  private unsettled: ServerStream[] = [];
  /** While no stream is open; or until the end that was announced is final. */
  private deadline: number;
  private draining = false;
  /** The client takes no answers to streams it has yet to open, or the end is announced. */
  private lastOnes = false;

  constructor(socket: Socket, context: ServerContext, limits: Http2Limits = http2Limits) {
    this.context = context;
    this.peer = peerOf(socket);
    this.opening = opening(limits, context.limits.maxHeaderBytes);
    this.connection = new Connection(socket, this, { ...context.limits, http2: limits });
    this.deadline = deadlineIn(context.keepAliveTimeout);
  }

  receive(data: Buffer): void {
    this.connection.receive(data);
  }

  sweep(now: number): void {
    const { connection } = this;
    connection.sweep(now);
    if (this.deadline === 0 || now <= this.deadline || connection.over) return;
    this.deadline = 0;
    if (this.draining) this.pinged();
    else connection.end();
  }

  get buffered(): number {
    return this.connection.socket.writableLength;
  }

  /** Heads come in frames and are bounded with them. */
  dropHead(): number {
    return 0;
  }

  /** The listener is closing: says so, takes what is under way, and ends with the last answer. */
  close(): void {
    if (this.draining || this.connection.over) return;
    this.draining = true;
    this.connection.announceEnd();
    this.deadline = deadlineIn(drainNoticeMs);
  }

  destroy(): void {
    this.connection.destroy(new ProxyError('ShuttingDown', 'the listener has closed'));
  }

  // ── the connection tells ──────────────────────────────────────────────────────────────────────────────────────

  open(id: number, block: FieldBlock, ended: boolean): void {
    const { connection, context } = this;
    if (!this.draining) this.deadline = 0;
    if (block.malformed === '' && ended && block.contentLength > 0) block.malformed = 'content-length without DATA';
    if (block.malformed !== '') return this.resetMalformed(id, block.malformed);
    const refusal = judgeRequest(block, context.limits.maxTargetBytes);
    if (refusal !== null) return this.refuse(id, ended, new ProxyError(refusal.code, refusal.text));
    if (context.closing) this.close();
    const stream = new ServerStream(connection, this, {
      id,
      head: {
        method: block.method,
        target: block.path,
        authority: block.authority === '' ? block.host : block.authority,
        scheme: context.scheme,
        headers: block.headers,
      },
      contentLength: block.contentLength,
      ended,
      expectContinue: block.expect !== '' && !ended,
    });
    if (block.priority !== '') stream.urgency = urgencyOf(block.priority);
    connection.streams.set(id, stream);
    if (!context.keepAlive) this.leaveAfterThis();
    context.handler(stream);
  }

  left(): void {
    const { connection } = this;
    if (connection.streams.size > 0 || connection.over) return;
    if (this.lastOnes) connection.end();
    else if (!this.draining) this.deadline = deadlineIn(this.context.keepAliveTimeout);
  }

  settled(): void {}

  /** The client has heard of the end. */
  pinged(): void {
    if (!this.draining || this.lastOnes) return;
    this.deadline = 0;
    this.leaveAfterThis();
    if (this.connection.streams.size === 0) this.connection.end();
  }

  goaway(): void {
    this.lastOnes = true;
    if (this.connection.streams.size === 0) this.connection.end();
  }

  flushed(): void {
    if (this.unsettled.length > 0 && !this.connection.socket.writableNeedDrain) this.settleAll();
  }

  failed(): void {}

  closed(): void {
    // Their last bytes may not have reached the kernel.
    for (const stream of this.unsettled) if (this.unsent) stream.failure ??= gone;
    this.settleAll();
    this.context.onClosed(this);
  }

  settleLater(stream: ServerStream): void {
    this.unsettled.push(stream);
    this.connection.sender.writer.wake();
  }

  private settleAll(): void {
    const { unsettled } = this;
    if (unsettled.length === 0) return;
    this.unsettled = [];
    for (const stream of unsettled) stream.settle();
  }

  private get unsent(): boolean {
    return this.connection.socket.writableLength > 0;
  }

  private leaveAfterThis(): void {
    this.lastOnes = true;
    this.connection.takeNoMore();
  }

  private resetMalformed(id: number, text: string): void {
    const { connection } = this;
    connection.resetUnknown(id, errorCode.protocolError);
    if (!connection.patience.reset()) connection.fail(errorCode.enhanceYourCalm, 'too many malformed requests');
    this.context.onRefused(new ProxyError('BadRequest', text), this.peer);
    this.left();
  }

  private refuse(id: number, ended: boolean, cause: ProxyError): void {
    const { connection } = this;
    sendError(connection.sender, id, cause.status);
    if (!ended) connection.resetUnknown(id, errorCode.noError);
    this.context.onRefused(cause, this.peer);
    this.left();
  }
}

const gone = new ProxyError('ClientAbort', 'the client has gone');

let openingLimits: Http2Limits | null = null;
let openingBytes = 0;
let openingFrame: Buffer = Buffer.alloc(0);

/** Our SETTINGS, rendered once for all connections that have the same limits. */
function opening(limits: Http2Limits, maxHeaderBytes: number): Buffer {
  if (openingLimits !== limits || openingBytes !== maxHeaderBytes) {
    openingLimits = limits;
    openingBytes = maxHeaderBytes;
    openingFrame = settingsFrame([
      [setting.maxConcurrentStreams, limits.maxStreams],
      [setting.initialWindowSize, limits.streamWindow],
      [setting.maxHeaderListSize, maxHeaderBytes],
      [setting.noRfc7540Priorities, 1],
    ]);
  }
  return openingFrame;
}
