// The server role: one HTTP/1.1 connection of a client. It pulls requests out of what arrives, one at a time and in
// order, hands each to the handler as an exchange, and keeps the connection's life: pausing, time-outs, draining of
// bodies nobody wants, closing without losing an answer. What an answer looks like is the exchange's part.
//
//   open ─▶ discard: the rest of an unwanted body ─▶ open …  ─▶ linger: our side ended, theirs is read away
//     └──▶ tunnel: after 101                                    dead: reset or closed

import type { Socket } from 'node:net';
import { ProxyError, type ProxyErrorCode } from '#proxy/exchange/error.ts';
import type { Peer } from '#proxy/exchange/exchange.ts';
import { HeaderList, sameName } from '#proxy/exchange/headers.ts';
import { deadlineIn } from './clock.ts';
import { MessageParser, parseEvent } from './parser.ts';
import { RequestBody, type BodySource } from './request-body.ts';
import { errorHead } from './response-head.ts';
import { peerOf, statusErrors, type ServerContext } from './server-context.ts';
import { exchangePhase, ServerExchange, type ExchangeOwner } from './server-exchange.ts';
import { ownSocket, resetSocket, type SocketOwner } from './socket-events.ts';
import { WriteBatch, type WriteOwner } from './write-batch.ts';

const mode = { open: 0, discard: 1, tunnel: 2, linger: 3, dead: 4 } as const;

/** Pipelined requests that one connection may have handled before the others get their turn. */
const headsPerTurn = 32;

const noBytes = Buffer.alloc(0);
const noHeaders = new HeaderList();
/** A closing connection is read away for so many idle periods at most. */
const maxLingers = 5;
/** How long an idle connection stays when its listener is closing: a request under way still gets its answer. */
const idleWhenClosing = 1000;

export class ServerConnection implements ExchangeOwner, WriteOwner, BodySource, SocketOwner {
  readonly writer: WriteBatch;
  readonly peer: Peer;
  private readonly socket: Socket;
  private readonly context: ServerContext;
  private readonly parser: MessageParser;
  private mode: number = mode.open;
  private exchange: ServerExchange | null = null;
  /** Answered, but perhaps not with the kernel yet. */
  private unsettled: ServerExchange[] | null = null;
  /** The request of `exchange` has been read to its end. */
  private requestDone = true;
  private keepAlive = true;
  private expectContinue = false;
  private halfClosed = false;
  /** Read but not looked at yet; the socket is paused meanwhile. */
  private held: Buffer | null = null;
  private heldAt = 0;
  /** Bytes behind the event that is being handled. */
  private rest = 0;
  private running = false;
  private turnDue = false;
  private discarded = 0;
  private lingers = 0;
  private deadline: number;
  private headTimed = false;
  private writeDeadline = 0;

  constructor(socket: Socket, context: ServerContext) {
    this.socket = socket;
    this.context = context;
    this.writer = new WriteBatch(socket, this, context.limits.maxBuffered);
    this.parser = new MessageParser('request', context.limits);
    this.peer = peerOf(socket);
    this.deadline = deadlineIn(context.keepAliveTimeout);
    ownSocket(socket, this);
  }

  /** Looks at the deadlines. */
  sweep(now: number): void {
    if (this.deadline !== 0 && now > this.deadline) this.expire();
    if (this.writeDeadline !== 0 && now > this.writeDeadline) {
      this.giveUp(new ProxyError('ClientAbort', 'the client takes no bytes'));
    }
  }

  get buffered(): number {
    return this.parser.buffered + this.writer.buffered + (this.held?.length ?? 0);
  }

  dropHead(): number {
    if (this.mode !== mode.open || this.exchange !== null || !this.parser.inHead) return 0;
    this.refuse('Overloaded', 'too much is kept for others');
    return this.parser.drop();
  }

  /** The listener is closing: the next answer is the last one. */
  close(): void {
    if (this.mode === mode.open && this.exchange === null && this.parser.idle) this.awaitRequest();
  }

  destroy(): void {
    this.giveUp(new ProxyError('ShuttingDown', 'the listener has closed'));
  }

  // ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

  receive(data: Buffer): void {
    if (this.held !== null) {
      this.held = Buffer.concat([this.held.subarray(this.heldAt), data]);
      this.heldAt = 0;
      return;
    }
    this.run(data, 0);
  }

  /** Takes one event after the other out of `data`, until it is used up or has to wait. */
  private run(data: Buffer, from: number): void {
    const { parser } = this;
    let at = from;
    let heads = 0;
    this.running = true;
    while (this.mode <= mode.discard) {
      if (heads === headsPerTurn) {
        this.hold(data, at);
        this.yieldTurn();
        break;
      }
      if (!this.ready()) {
        this.hold(data, at);
        break;
      }
      const event = parser.next(data, at);
      at = parser.offset;
      this.rest = data.length - at;
      if (event === parseEvent.more) {
        if (!this.headTimed && parser.inHead) this.timeHead();
        break;
      }
      if (event === parseEvent.head) {
        heads++;
        this.onHead();
      } else if (event === parseEvent.chunk) this.onChunk(parser.chunk);
      else if (event === parseEvent.end) this.onRequestEnd();
      else this.refuse(statusErrors[parser.failStatus] ?? 'BadRequest', parser.failText);
    }
    this.running = false;
    this.rest = 0;
    if (this.mode === mode.tunnel) this.tunnelInput(data, at);
    else if (this.mode === mode.linger) this.discarded += data.length - at;
    if (this.halfClosed && this.held === null) this.inputEnded();
  }

  /** Whether the next event may be taken. */
  private ready(): boolean {
    if (this.mode === mode.discard) return true;
    const { exchange } = this;
    if (exchange === null) return !this.writer.full;
    if (this.requestDone) return false;
    const { body } = exchange;
    if (body === null || body.closed) return this.discarded <= this.context.limits.lingerBytes;
    return body.wanted;
  }

  private hold(data: Buffer, at: number): void {
    if (at === data.length) return;
    this.held = data;
    this.heldAt = at;
    // Only now: as long as nothing is held, reading is how the reset of a waiting client is noticed.
    this.socket.pause();
  }

  private yieldTurn(): void {
    if (this.turnDue) return;
    this.turnDue = true;
    setImmediate(() => {
      this.turnDue = false;
      this.goOn();
    });
  }

  /** Something that ready() depends on has changed. */
  private goOn(): void {
    const { held, heldAt } = this;
    if (this.running || this.mode === mode.dead || (held === null && this.requestDone)) return;
    this.held = null;
    this.run(held ?? noBytes, held === null ? 0 : heldAt);
    if (held !== null && this.held === null) this.socket.resume();
  }

  private timeHead(): void {
    this.headTimed = true;
    this.deadline = deadlineIn(this.context.limits.headerTimeout);
  }

  private onHead(): void {
    const { parser } = this;
    this.headTimed = false;
    this.deadline = 0;
    this.discarded = 0;
    this.requestDone = !parser.hasBody;
    this.keepAlive = parser.keepAlive;
    this.expectContinue = false;
    if (parser.expect !== '' && parser.minor === 1) {
      if (!sameName(parser.expect, '100-continue')) {
        this.refuse('ExpectationFailed', 'unknown expectation');
        return;
      }
      this.expectContinue = parser.hasBody;
    }
    const exchange = new ServerExchange(this, parser, this.context.scheme, this);
    this.exchange = exchange;
    this.context.handler(exchange);
  }

  private onChunk(chunk: Buffer): void {
    const body = this.exchange === null ? null : this.exchange.body;
    if (body !== null && body.wanted) {
      this.deadline = deadlineIn(this.context.limits.bodyTimeout);
      body.deliver(chunk);
      return;
    }
    this.discarded += chunk.length;
    if (this.mode === mode.discard && this.discarded > this.context.limits.lingerBytes) this.linger();
  }

  private onRequestEnd(): void {
    this.requestDone = true;
    this.deadline = 0;
    const { exchange } = this;
    if (exchange !== null) {
      exchange.bytesIn = this.parser.bytes;
      exchange.body?.finish(this.parser.trailers);
    } else if (this.mode === mode.discard) {
      this.mode = mode.open;
      this.awaitRequest();
    }
  }

  /** A body is wanted. A client that waits for the word to send it gets it now (RFC 9110 10.1.1). */
  onWanted(body: RequestBody): void {
    const { exchange } = this;
    if (exchange === null) return;
    if (body === exchange.body) {
      if (this.expectContinue) {
        this.expectContinue = false;
        exchange.inform(100, noHeaders);
      }
      this.deadline = deadlineIn(this.context.limits.bodyTimeout);
    }
    this.goOn();
  }

  onCancelled(body: RequestBody): void {
    const { exchange } = this;
    if (exchange === null) return;
    if (body === exchange.body) this.deadline = 0;
    else if (this.mode === mode.tunnel) this.endTunnel();
    this.goOn();
  }

  /** The client has ended its side. */
  inputEnded(): void {
    this.halfClosed = true;
    if (this.held !== null || this.running) return;
    const { exchange } = this;
    if (this.mode === mode.tunnel) {
      exchange?.tunnel?.finish(null);
      this.endTunnel();
    } else if (this.mode === mode.open && exchange !== null) {
      // A half-closed client still gets its answer, unless its request can never be complete.
      if (!this.requestDone) this.giveUp(new ProxyError('ClientAbort', 'the client left in the middle of a body'));
      else this.deadline = deadlineIn(this.context.limits.halfCloseTimeout);
    } else if (this.mode <= mode.discard) {
      this.linger();
    }
  }

  // ── answering ─────────────────────────────────────────────────────────────────────────────────────────────────

  mustClose(exchange: ServerExchange): boolean {
    const { context } = this;
    if (!this.keepAlive || !context.keepAlive || context.closing || this.halfClosed) return true;
    // Bytes behind an upgrade that is refused are of nobody knows which protocol.
    if (exchange.tunnel !== null && (this.held !== null || this.rest > 0)) return true;
    const { body } = exchange;
    if (this.requestDone || body === null) return false;
    if (this.expectContinue) return true;
    if (body.started && !body.closed) return false;
    return body.length < 0 || body.length > context.limits.lingerBytes;
  }

  onSwitched(): void {
    this.parser.becomeTunnel();
    this.mode = mode.tunnel;
    this.goOn();
  }

  onAnswered(exchange: ServerExchange): void {
    if (exchange.switched) {
      this.writer.end();
      this.deadline = deadlineIn(this.context.limits.bodyTimeout);
      this.endTunnel();
      return;
    }
    this.settleLater(exchange);
    this.exchange = null;
    if (exchange.tunnel !== null) exchange.tunnel.cancel();
    if (this.requestDone) {
      if (exchange.closes || this.halfClosed) this.linger();
      else this.awaitRequest();
    } else {
      this.leaveBody(exchange);
    }
    this.goOn();
  }

  /** The answer is there before the whole request was: its rest is read away if it is small, else we close. */
  private leaveBody(exchange: ServerExchange): void {
    const { body } = exchange;
    if (body === null) return;
    if (body.started) body.fail(new ProxyError('ClientAbort', 'the answer ended before the body'));
    else body.closed = true;
    if (exchange.closes || this.halfClosed || this.expectContinue || body.length < 0) {
      this.linger();
      return;
    }
    this.mode = mode.discard;
    this.deadline = deadlineIn(this.context.limits.lingerTimeout);
  }

  onBroken(exchange: ServerExchange): void {
    const cause = exchange.failure ?? new ProxyError('Internal', 'the answer broke off');
    this.mode = mode.dead;
    this.exchange = null;
    exchange.onGone(cause);
    this.settleLater(exchange);
    this.kill(cause);
  }

  flushed(): void {
    if (this.socket.writableNeedDrain) {
      if (this.writeDeadline === 0) this.writeDeadline = deadlineIn(this.context.limits.writeTimeout);
      return;
    }
    if (this.unsettled !== null) this.settleAll();
  }

  drained(): void {
    this.writeDeadline = 0;
    if (this.unsettled !== null) this.settleAll();
    this.writer.drained();
  }

  writable(): void {
    if (this.exchange !== null) this.exchange.onWritable();
    this.goOn();
  }

  private awaitRequest(): void {
    const { closing, keepAliveTimeout } = this.context;
    this.deadline = deadlineIn(closing ? Math.min(idleWhenClosing, keepAliveTimeout) : keepAliveTimeout);
  }

  private settleLater(exchange: ServerExchange): void {
    (this.unsettled ??= []).push(exchange);
  }

  private settleAll(): void {
    const { unsettled } = this;
    this.unsettled = null;
    if (unsettled !== null) for (const exchange of unsettled) exchange.settle();
  }

  // ── tunnel ────────────────────────────────────────────────────────────────────────────────────────────────────

  private tunnelInput(data: Buffer, at: number): void {
    const { exchange } = this;
    if (exchange === null || exchange.tunnel === null || at === data.length) return;
    const { tunnel } = exchange;
    if (exchange.phase === exchangePhase.ended) this.deadline = deadlineIn(this.context.limits.bodyTimeout);
    if (tunnel.wanted) {
      exchange.bytesIn += data.length - at;
      tunnel.deliver(at === 0 ? data : data.subarray(at));
    } else if (!tunnel.closed) {
      this.hold(data, at);
    }
  }

  /** Both directions have ended. */
  private endTunnel(): void {
    const { exchange } = this;
    if (exchange === null || exchange.phase !== exchangePhase.ended || exchange.tunnel?.closed !== true) return;
    this.settleLater(exchange);
    this.exchange = null;
    this.linger();
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends our side and reads the other away, so that an answer is not lost to a reset (RFC 9112 9.6). */
  private linger(): void {
    if (this.mode >= mode.linger) return;
    this.mode = mode.linger;
    this.discarded = 0;
    this.writer.end();
    this.deadline = deadlineIn(this.context.limits.lingerTimeout);
    if (this.held === null) return;
    this.held = null;
    this.socket.resume();
  }

  /** The client is to blame: an answer if none is under way, and the end. */
  private refuse(code: ProxyErrorCode, detail: string): void {
    const cause = new ProxyError(code, detail);
    const { exchange } = this;
    if (exchange !== null && exchange.phase === exchangePhase.responding) {
      this.giveUp(cause);
      return;
    }
    const before = this.mode;
    const text = errorHead(cause.status);
    this.exchange = null;
    this.linger();
    if (exchange !== null) {
      exchange.bytesIn = this.parser.bytes;
      exchange.onGone(cause);
      exchange.status = cause.status;
      exchange.bytesOut += text.length;
      this.settleLater(exchange);
    } else if (before === mode.discard) {
      return;
    } else {
      this.context.onRefused(cause, this.peer);
    }
    this.writer.add(text);
  }

  private expire(): void {
    this.deadline = 0;
    const { exchange } = this;
    switch (this.mode) {
      case mode.open:
        if (exchange === null && this.parser.idle) this.linger();
        else if (exchange === null) this.refuse('RequestTimeout', 'the head is too slow');
        else if (exchange.body?.wanted === true) this.refuse('RequestTimeout', 'the body is too slow');
        else if (this.halfClosed && exchange.phase === exchangePhase.waiting) {
          this.giveUp(new ProxyError('ClientAbort', 'the client had ended its side'));
        }
        break;
      case mode.discard:
        this.linger();
        break;
      case mode.linger:
        this.expireLinger();
        break;
      default:
        this.giveUp(new ProxyError('ClientAbort', 'idle for too long'));
    }
  }

  private expireLinger(): void {
    if (this.discarded > 0 && ++this.lingers < maxLingers) {
      this.discarded = 0;
      this.deadline = deadlineIn(this.context.limits.lingerTimeout);
    } else if (this.writeDeadline !== 0) {
      // The answer is still on its way; its own deadline decides.
      this.deadline = this.writeDeadline + 1;
    } else {
      this.kill(null);
    }
  }

  /** Ends the connection at once and whatever is going on with it. */
  private giveUp(cause: ProxyError): void {
    if (this.mode === mode.dead) return;
    const { exchange } = this;
    this.mode = mode.dead;
    this.exchange = null;
    if (exchange !== null) {
      if (!this.requestDone) exchange.bytesIn = this.parser.bytes;
      exchange.onGone(cause);
      this.settleLater(exchange);
    }
    this.kill(cause);
  }

  private kill(cause: ProxyError | null): void {
    const { socket, writer, unsettled } = this;
    this.mode = mode.dead;
    this.deadline = 0;
    this.writeDeadline = 0;
    this.held = null;
    if (unsettled !== null) {
      // Some of these answers have not reached the kernel.
      if (cause !== null && writer.buffered > 0) for (const exchange of unsettled) exchange.failure ??= cause;
      this.settleAll();
    }
    writer.drop();
    if (cause === null) socket.destroy();
    else resetSocket(socket);
  }

  closed(): void {
    this.giveUp(new ProxyError('ClientAbort', 'the client has gone'));
    this.context.onClosed(this);
  }
}
