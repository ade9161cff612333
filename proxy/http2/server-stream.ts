// One request of an HTTP/2 client and its answer: what a handler sees, and the framing of the answer (RFC 9113 8.1).
//
//   waiting ── respond() ─▶ responding ── END_STREAM queued ─▶ ended: the rest of the request is read away
//      └──── reset, lost, abort() ────┴──────────────────────▶ gone

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink, Exchange, Outcome, Peer, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { deadlineIn } from '#proxy/http1/clock.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import { blockOf, type FieldBlock } from './field-block.ts';
import { errorCode } from './frames.ts';
import { IncomingBody, type IncomingOwner } from './incoming-body.ts';
import { lengthMode, sendError, sendHead } from './response-block.ts';
import type { Sender } from './sender.ts';
import { Stream, type StreamOwner } from './stream.ts';

/** What a stream needs of the server's connection. */
export interface ServerStreamOwner extends StreamOwner {
  readonly sender: Sender;
  readonly limits: ConnectionLimits;
  fault(stream: Stream, code: number, text: string): void;
}

/** Who is told when exchanges are over. */
export interface Settler {
  readonly peer: Peer;
  /** Settles the exchange once what is queued has been handed to the kernel. */
  settleLater(exchange: ServerStream): void;
}

const phase = { waiting: 0, responding: 1, ended: 2, gone: 3 } as const;
const noHeaders = new HeaderList();

export class ServerStream extends Stream implements Exchange, BodySink, IncomingOwner {
  readonly head: RequestHead;
  readonly body: IncomingBody | null;
  readonly tunnel: null = null;
  readonly peer: Peer;
  readonly version: string = '2';
  readonly startedAt: number;
  onAbort: ((cause: ProxyError) => void) | null = null;
  onDone: ((outcome: Outcome) => void) | null = null;
  failure: ProxyError | null = null;
  declare protected readonly owner: ServerStreamOwner;
  private readonly settler: Settler;
  private phase: number = phase.waiting;
  private status = 0;
  private bytesIn = 0;
  private bytesOut = 0;
  private received = 0;
  private expectContinue: boolean;
  /** Bytes of the answer still to come, -1 = not declared. */
  private left = -1;

  constructor(owner: ServerStreamOwner, settler: Settler, opened: OpenedStream) {
    super(owner, opened.id, opened.ended);
    this.settler = settler;
    this.head = opened.head;
    this.body = opened.ended ? null : new IncomingBody(this, opened.contentLength);
    this.expectContinue = opened.expectContinue;
    this.peer = settler.peer;
    this.startedAt = performance.now();
  }

  // ── the handler's side ────────────────────────────────────────────────────────────────────────────────────────

  inform(status: number, headers: HeaderList): void {
    if (this.phase !== phase.waiting || status === 101 || status < 100 || status > 199) return;
    const framing = { mode: lengthMode.none, length: -1, end: false };
    this.bytesOut += sendHead(this.owner.sender, this.id, { status, reason: '', headers }, framing);
  }

  respond(head: ResponseHead, body: Body | null): void {
    if (this.phase === phase.gone) {
      body?.cancel(this.failure);
      return;
    }
    if (this.phase !== phase.waiting) throw new Error('the exchange has been answered');
    const { status } = head;
    const headOnly = status === 304 || this.head.method === 'HEAD';
    const bodiless = headOnly || status === 204;
    const length = body === null ? 0 : body.length;
    let mode: number = lengthMode.none;
    if (headOnly) mode = lengthMode.keep;
    else if (status !== 204 && length >= 0) mode = lengthMode.set;
    const end = body === null || bodiless;
    const declared = headOnly && body === null ? -1 : length;
    // There is no 101 in HTTP/2 (RFC 9113 8.6).
    const size = status < 200 ? 0 : sendHead(this.owner.sender, this.id, head, { mode, length: declared, end });
    this.phase = phase.responding;
    if (size === 0) {
      this.refuse(body);
      return;
    }
    this.status = status;
    this.bytesOut += size;
    if (end) {
      body?.cancel(null);
      this.finish();
      return;
    }
    this.left = length;
    this.source = body;
    body.start(this);
  }

  abort(cause: ProxyError): void {
    if (this.phase === phase.gone) return;
    if (this.phase !== phase.waiting) throw new Error('the exchange has been answered');
    this.break(cause);
  }

  // ── the answer's body ─────────────────────────────────────────────────────────────────────────────────────────

  chunk(data: Buffer): void {
    if (this.phase !== phase.responding) return;
    if (this.left >= 0) {
      this.left -= data.length;
      if (this.left < 0) {
        const { source } = this;
        this.break(new ProxyError('Internal', 'body is longer than declared'));
        source?.cancel(this.failure);
        return;
      }
    }
    this.send(data);
  }

  end(trailers: HeaderList | null): void {
    if (this.phase !== phase.responding) return;
    if (this.left > 0) this.break(new ProxyError('Internal', 'body is shorter than declared'));
    else this.endSending(trailers);
  }

  error(cause: ProxyError): void {
    this.break(cause);
  }

  onSent(): void {
    this.finish();
  }

  // ── the request's body ────────────────────────────────────────────────────────────────────────────────────────

  onWanted(): void {
    if (this.remoteDone || this.gone) return;
    if (this.expectContinue) {
      this.expectContinue = false;
      this.inform(100, noHeaders);
    }
    this.deadline = deadlineIn(this.owner.limits.bodyTimeout);
  }

  onCancelled(): void {
    this.deadline = 0;
  }

  consumed(bytes: number): void {
    this.owner.consumed(this, bytes);
  }

  get expects(): number {
    return blockOf.trailers;
  }

  onData(data: Buffer): void {
    const { body } = this;
    if (body === null) return;
    const { limits } = this.owner;
    this.received += data.length;
    if (body.length >= 0 && this.received > body.length) {
      this.owner.consumed(this, data.length);
      this.owner.fault(this, errorCode.protocolError, 'more DATA than content-length says');
      return;
    }
    if (body.wanted) this.deadline = deadlineIn(limits.bodyTimeout);
    body.push(data);
    if (this.phase === phase.ended && this.received > limits.lingerBytes) this.owner.reset(this, errorCode.noError);
  }

  onEnd(): void {
    this.endOfRequest(null);
  }

  onBlock(block: FieldBlock): void {
    this.endOfRequest(block.headers.length === 0 ? null : block.headers);
  }

  private endOfRequest(trailers: HeaderList | null): void {
    const { body } = this;
    this.deadline = 0;
    if (body === null) return;
    if (body.length >= 0 && this.received < body.length) {
      this.owner.fault(this, errorCode.protocolError, 'less DATA than content-length says');
      return;
    }
    body.finish(trailers);
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  onExpired(): void {
    if (this.phase === phase.ended) {
      this.owner.reset(this, errorCode.noError);
      return;
    }
    const cause = new ProxyError('RequestTimeout', 'the body is too slow');
    if (this.phase === phase.waiting) {
      this.status = cause.status;
      this.bytesOut += sendError(this.owner.sender, this.id, cause.status);
    }
    this.owner.reset(this, this.status === cause.status ? errorCode.noError : errorCode.cancel);
    this.onGone(cause);
  }

  onGone(cause: ProxyError): void {
    const before = this.phase;
    if (before === phase.gone) return;
    if (before !== phase.ended) {
      this.phase = phase.gone;
      this.failure ??= cause;
    }
    this.deadline = 0;
    this.body?.fail(cause);
    if (before === phase.responding) this.source?.cancel(cause);
    this.source = null;
    if (before === phase.ended) return;
    this.onAbort?.(cause);
    this.settler.settleLater(this);
  }

  count(bytesIn: number, bytesOut: number): void {
    this.bytesIn += bytesIn;
    this.bytesOut += bytesOut;
  }

  /** Tells log and metrics, once. */
  settle(): void {
    const done = this.onDone;
    this.onDone = null;
    this.onAbort = null;
    done?.({ status: this.status, bytesIn: this.bytesIn, bytesOut: this.bytesOut, error: this.failure });
  }

  /** A head that must not be sent is a bug on our side; the client gets a plain 500. */
  private refuse(body: Body | null): void {
    const cause = new ProxyError('Internal', 'invalid answer');
    body?.cancel(cause);
    this.failure = cause;
    this.status = cause.status;
    this.bytesOut += sendError(this.owner.sender, this.id, cause.status);
    this.finish();
  }

  /** Our side has ended. A client that goes on sending is heard out for a while (RFC 9113 8.1). */
  private finish(): void {
    this.phase = phase.ended;
    this.source = null;
    this.localDone = true;
    this.settler.settleLater(this);
    const { body } = this;
    if (body !== null && !body.closed) {
      if (body.started && !this.remoteDone)
        body.fail(new ProxyError('ClientAbort', 'the answer ended before the body'));
      else if (!body.started) body.leave();
    }
    if (this.remoteDone) {
      this.owner.ended(this);
      return;
    }
    const { lingerBytes, lingerTimeout } = this.owner.limits;
    if (this.expectContinue || (body !== null && body.length > lingerBytes)) this.owner.reset(this, errorCode.noError);
    else this.deadline = deadlineIn(lingerTimeout);
  }

  private break(cause: ProxyError): void {
    if (this.phase >= phase.ended) return;
    this.phase = phase.gone;
    this.failure ??= cause;
    this.source = null;
    this.deadline = 0;
    this.owner.reset(this, cause.code === 'ClientAbort' ? errorCode.cancel : errorCode.internalError);
    this.body?.fail(cause);
    this.settler.settleLater(this);
  }
}

/** A request whose head has been judged. */
export interface OpenedStream {
  readonly id: number;
  readonly head: RequestHead;
  /** -1 = unknown. */
  readonly contentLength: number;
  /** Nothing follows the head. */
  readonly ended: boolean;
  readonly expectContinue: boolean;
}
