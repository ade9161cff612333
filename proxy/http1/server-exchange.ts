// One request of an HTTP/1.1 client and its answer. The connection makes one per request and keeps order, time-outs
// and sockets to itself; here is what a handler sees, and the framing of the answer (RFC 9112 6, 7).
//
//   waiting ── respond() ─▶ responding ── last byte queued ─▶ ended
//      └────────── client gone, abort() ──────┴────────────▶ gone

import { ProxyError } from '#proxy/exchange/error.ts';
import type {
  Body,
  BodySink,
  Exchange,
  Outcome,
  Peer,
  RequestHead,
  ResponseHead,
  Scheme,
} from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { MessageParser } from './parser.ts';
import { RequestBody, type BodySource } from './request-body.ts';
import { errorHead, framingMode, renderHead, renderTrailers } from './response-head.ts';
import { acceptableUpgrade } from './upgrade.ts';
import type { WriteBatch } from './write-batch.ts';

/** The connection, as its exchanges see it. */
export interface ExchangeOwner {
  readonly writer: WriteBatch;
  readonly peer: Peer;
  /** Whether the connection has to end with this answer, as far as is known when its head goes out. */
  mustClose(exchange: ServerExchange): boolean;
  /** 101 went out: what the client sends from now on belongs to the tunnel. */
  onSwitched(exchange: ServerExchange): void;
  /** The last byte of the answer is queued. */
  onAnswered(exchange: ServerExchange): void;
  /** The answer cannot be completed: the connection is to be reset. */
  onBroken(exchange: ServerExchange): void;
}

export const exchangePhase = { waiting: 0, responding: 1, ended: 2, gone: 3 } as const;

export class ServerExchange implements Exchange, BodySink {
  readonly head: RequestHead;
  readonly body: RequestBody | null;
  readonly tunnel: RequestBody | null;
  readonly peer: Peer;
  readonly startedAt: number;
  onAbort: ((cause: ProxyError) => void) | null = null;
  onDone: ((outcome: Outcome) => void) | null = null;

  phase: number = exchangePhase.waiting;
  status = 0;
  bytesIn: number;
  bytesOut = 0;
  failure: ProxyError | null = null;
  /** The connection ends with this answer. */
  closes = false;
  switched = false;
  private readonly owner: ExchangeOwner;
  private readonly minor: number;
  private readonly teTrailers: boolean;
  private readonly upgrade: string;
  private source: Body | null = null;
  private sourcePaused = false;
  private chunked = false;
  /** Declared bytes still to come, -1 = not declared. */
  private left = -1;

  /** `parser` has just read the head. */
  constructor(owner: ExchangeOwner, parser: MessageParser, scheme: Scheme, bodies: BodySource) {
    const upgrade = parser.upgrade === '' ? '' : acceptableUpgrade(parser);
    if (upgrade !== '') parser.headers.append('Upgrade', upgrade);
    this.owner = owner;
    this.head = {
      method: parser.method,
      target: parser.target,
      authority: parser.authority,
      scheme,
      headers: parser.headers,
    };
    this.minor = parser.minor;
    this.teTrailers = parser.teTrailers;
    this.upgrade = upgrade;
    this.body = parser.hasBody ? new RequestBody(bodies, parser.length) : null;
    this.tunnel = upgrade === '' ? null : new RequestBody(bodies, -1);
    this.bytesIn = parser.bytes;
    this.peer = owner.peer;
    this.startedAt = performance.now();
  }

  get version(): string {
    return this.minor === 1 ? '1.1' : '1.0';
  }

  inform(status: number, headers: HeaderList): void {
    // HTTP/1.0 knows no interim answers (RFC 9110 15.2).
    if (this.minor === 0 || this.phase !== exchangePhase.waiting || status === 101) return;
    if (status < 100 || status > 199) return;
    const text = renderHead({ status, reason: '', headers }, framingMode.none, 0, '');
    this.bytesOut += text.length;
    if (text !== '') this.owner.writer.add(text);
  }

  respond(head: ResponseHead, body: Body | null): void {
    if (this.phase === exchangePhase.gone) {
      body?.cancel(this.failure);
      return;
    }
    if (this.phase !== exchangePhase.waiting) throw new Error('the exchange has been answered');
    if (head.status < 200) this.switchProtocols(head, body);
    else this.answer(head, body);
  }

  abort(cause: ProxyError): void {
    if (this.phase === exchangePhase.gone) return;
    if (this.phase !== exchangePhase.waiting) throw new Error('the exchange has been answered');
    this.break(cause);
  }

  /** Part of the answer's body. */
  chunk(data: Buffer): void {
    if (this.phase !== exchangePhase.responding) return;
    const { writer } = this.owner;
    if (this.left >= 0) {
      this.left -= data.length;
      if (this.left < 0) return this.break(new ProxyError('Internal', 'body is longer than declared'), true);
    }
    this.bytesOut += data.length;
    if (this.chunked) {
      const size = `${data.length.toString(16)}\r\n`;
      this.bytesOut += size.length + 2;
      writer.add(size);
      writer.addLent(data, this.source);
      writer.add('\r\n');
    } else {
      writer.addLent(data, this.source);
    }
    if (!this.sourcePaused && writer.full) {
      this.sourcePaused = true;
      this.source?.pause();
    }
  }

  end(trailers: HeaderList | null): void {
    if (this.phase !== exchangePhase.responding) return;
    if (this.left > 0) return this.break(new ProxyError('Internal', 'body is shorter than declared'));
    if (this.chunked) {
      const last = trailers !== null && this.teTrailers ? `0\r\n${renderTrailers(trailers)}` : '0\r\n\r\n';
      this.bytesOut += last.length;
      this.owner.writer.add(last);
    }
    this.finish();
  }

  error(cause: ProxyError): void {
    this.break(cause);
  }

  /** The connection takes bytes again. */
  onWritable(): void {
    if (!this.sourcePaused || this.phase !== exchangePhase.responding) return;
    this.sourcePaused = false;
    this.source?.resume();
  }

  /** The client is gone or broke the protocol. What is handed over afterwards is cancelled. */
  onGone(cause: ProxyError): void {
    const before = this.phase;
    this.failure ??= cause;
    if (before !== exchangePhase.ended) this.phase = exchangePhase.gone;
    this.body?.fail(cause);
    this.tunnel?.fail(cause);
    if (before === exchangePhase.responding) this.source?.cancel(cause);
    if (before < exchangePhase.ended) this.onAbort?.(cause);
  }

  /** The end of everything: tells log and metrics once. */
  settle(): void {
    const done = this.onDone;
    this.onDone = null;
    this.onAbort = null;
    done?.({ status: this.status, bytesIn: this.bytesIn, bytesOut: this.bytesOut, error: this.failure });
  }

  private answer(head: ResponseHead, body: Body | null): void {
    const { status } = head;
    const headOnly = status === 304 || this.head.method === 'HEAD';
    const bodiless = headOnly || status === 204;
    const length = body === null ? 0 : body.length;
    let mode: 0 | 1 | 2 | 3 = framingMode.none;
    if (headOnly) mode = framingMode.keep;
    else if (status === 204) mode = framingMode.none;
    else if (length >= 0) mode = framingMode.length;
    else if (this.minor === 1) mode = framingMode.chunked;
    this.closes = this.owner.mustClose(this) || (length < 0 && !bodiless && this.minor === 0);
    const connection = this.closes ? 'Connection: close\r\n' : this.minor === 0 ? 'Connection: keep-alive\r\n' : '';
    const text = renderHead(head, mode, headOnly && body === null ? -1 : length, connection);
    if (text === '') {
      this.refuse(body);
      return;
    }
    this.status = status;
    this.phase = exchangePhase.responding;
    this.send(text);
    if (body === null || bodiless) {
      body?.cancel(null);
      this.finish();
      return;
    }
    this.chunked = mode === framingMode.chunked;
    this.left = length;
    this.source = body;
    body.start(this);
  }

  private switchProtocols(head: ResponseHead, body: Body | null): void {
    if (head.status !== 101 || this.tunnel === null || body === null) {
      this.refuse(body);
      return;
    }
    const line = head.headers.has('upgrade')
      ? 'Connection: upgrade\r\n'
      : `Connection: upgrade\r\nUpgrade: ${this.upgrade}\r\n`;
    const text = renderHead(head, framingMode.none, 0, line);
    if (text === '') {
      this.refuse(body);
      return;
    }
    this.status = 101;
    this.phase = exchangePhase.responding;
    this.switched = true;
    this.closes = true;
    this.send(text);
    this.source = body;
    this.owner.onSwitched(this);
    body.start(this);
  }

  /** A head that must not be sent is a bug on our side; the client gets a plain 500. */
  private refuse(body: Body | null): void {
    const cause = new ProxyError('Internal', 'invalid answer');
    body?.cancel(cause);
    this.failure = cause;
    this.status = cause.status;
    this.closes = true;
    this.phase = exchangePhase.responding;
    this.send(errorHead(cause.status));
    this.finish();
  }

  private send(text: string): void {
    this.bytesOut += text.length;
    this.owner.writer.add(text);
  }

  private finish(): void {
    this.phase = exchangePhase.ended;
    this.source = null;
    this.owner.onAnswered(this);
  }

  private break(cause: ProxyError, cancel = false): void {
    if (this.phase >= exchangePhase.ended) return;
    this.phase = exchangePhase.gone;
    this.failure ??= cause;
    if (cancel) this.source?.cancel(cause);
    this.source = null;
    this.owner.onBroken(this);
  }
}
