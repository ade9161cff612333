// The client role of HTTP/1.1 on one connection to an origin: one exchange at a time. It opens nothing, retries
// nothing and knows no pool: whoever owns the connection attaches a connected socket and is told when the connection
// is free again or gone.
//
//   attach ─▶ free ─▶ send(request) ─▶ 1xx* ─▶ head ─▶ body ─▶ free …
//                        └── failed · cancelled · doubtful framing · until close · 101 ──▶ closed
//
// A connection is used again only after an answer whose end is beyond doubt and a request that was sent whole.
// Bytes are read into one buffer that all connections share and copied out; a long body gets memory of its own and is
// passed on by reference.

import type { OnReadOpts, Socket } from 'node:net';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body } from '#proxy/exchange/exchange.ts';
import { ClientExchange, type Destination, type ExchangeObserver, type OutgoingRequest } from './client-exchange.ts';
import { viaName, viaValue } from './client-head.ts';
import { parserLimits } from './limits.ts';
import { MessageParser, parseEvent } from './parser.ts';
import { freeSlab, readBytes, type Slab, takeSlab } from './read-memory.ts';
import { WriteBatch, type WriteOwner } from './write-batch.ts';

export interface ConnectionOwner {
  /** The exchange ended cleanly; another may be sent. */
  free(): void;
  /** Called once; the socket is destroyed. */
  closed(): void;
}

/** A read at least this long in a body switches to memory that is passed on by reference. */
const longRead = 16 * 1024;
const maxInterim = 16;

/** Where sockets read to. Whoever needs the bytes beyond the callback copies them. */
const sharedBuffer = Buffer.allocUnsafeSlow(readBytes);

export class ClientConnection implements WriteOwner {
  /** To be given to net.connect or tls.connect. */
  readonly onread: OnReadOpts;
  /** Set by attach(). */
  writer: WriteBatch | null = null;
  exchange: ClientExchange | null = null;
  /** Exchanges that ended cleanly. */
  served = 0;
  private readonly owner: ConnectionOwner;
  private readonly parser = new MessageParser('response', parserLimits);
  private socket: Socket | null = null;
  private interim = 0;
  /** Bytes that came but that nobody takes yet; the socket is paused. */
  private held: Buffer | null = null;
  private stopped = false;
  private reading = false;
  private ended = false;
  private gone = false;
  private slab: Slab | null = null;
  private longBody = false;

  constructor(owner: ConnectionOwner) {
    this.owner = owner;
    this.onread = {
      buffer: () => this.nextBuffer(),
      callback: (size) => this.received(size),
    };
  }

  attach(socket: Socket): void {
    this.socket = socket;
    this.writer = new WriteBatch(socket, this);
    socket.on('drain', () => this.writer?.drained());
    socket.on('end', () => this.onEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.onError(error));
    socket.on('close', () => this.onError(null));
  }

  /** False when it cannot take a request although nobody has been told yet. */
  get usable(): boolean {
    return !this.gone && !this.ended && this.exchange === null && this.socket !== null && !this.socket.destroyed;
  }

  /** The connection must be usable. `body` is the request's; the observer may be called before this returns. */
  send(request: OutgoingRequest, body: Body | null, to: Destination, observer: ExchangeObserver): ClientExchange {
    const exchange = new ClientExchange(this, request, body, observer);
    this.exchange = exchange;
    this.parser.answersHead = request.method === 'HEAD';
    this.interim = 0;
    exchange.begin(to);
    return exchange;
  }

  flushed(): void {
    if (this.exchange !== null) this.exchange.sent = true;
  }

  writable(): void {
    this.exchange?.writable();
  }

  /** Somebody takes bytes again. */
  resume(): void {
    const { held } = this;
    if (this.reading) return;
    if (held !== null) {
      this.held = null;
      this.consume(held, null, true);
    }
    if (this.held !== null || this.exchange === null || this.exchange.holding) return;
    if (this.ended) this.finish();
    else if (this.stopped) this.readOn();
  }

  skipRest(): void {
    // While reading, the loop goes on and sees to it.
    if (this.reading) return;
    const { exchange, held } = this;
    this.held = null;
    if (held !== null) this.consume(held, null, true);
    else exchange?.abandon(null);
  }

  /** FIN towards the origin, in a tunnel. */
  halfClose(): void {
    this.writer?.end();
  }

  destroy(): void {
    if (this.gone) return;
    this.gone = true;
    this.held = null;
    this.slab = null;
    this.exchange = null;
    this.writer?.drop();
    this.socket?.destroy();
    this.owner.closed();
  }

  private nextBuffer(): Buffer {
    if (this.longBody) {
      this.slab ??= takeSlab();
      return this.slab.memory;
    }
    if (this.slab !== null) freeSlab(this.slab);
    this.slab = null;
    return sharedBuffer;
  }

  private received(size: number): boolean {
    const { slab, held } = this;
    const data = (slab?.memory ?? sharedBuffer).subarray(0, size);
    if (held !== null) this.held = Buffer.concat([held, data]);
    else this.consume(data, slab, false);
    if (slab !== null && slab.lent > 0) {
      // What has been lent is not read into again before it came back.
      slab.busy = false;
      this.slab = null;
    }
    this.longBody = size >= longRead && this.exchange !== null && this.exchange.headSeen;
    return true;
  }

  /** `data` lies in a slab, or in memory of its own (`owned`), or in the buffer that every connection reads to. */
  private consume(data: Buffer, slab: Slab | null, owned: boolean): void {
    const { exchange, parser } = this;
    if (exchange === null) {
      // An origin that speaks unasked says that it closes (408), or is out of step: its bytes answer no request.
      this.destroy();
      return;
    }
    this.reading = true;
    let at = 0;
    while (this.exchange === exchange) {
      if (exchange.holding && (at < data.length || !exchange.started)) {
        this.hold(data.subarray(at), slab, owned);
        break;
      }
      const event = parser.next(data, at);
      at = parser.offset;
      if (event === parseEvent.chunk) {
        this.give(exchange, parser.chunk, slab, owned);
      } else if (event === parseEvent.head) {
        this.onHead(exchange, at === data.length);
      } else if (event === parseEvent.end) {
        this.complete(exchange, at === data.length);
      } else if (event === parseEvent.failed) {
        exchange.fail(new ProxyError('UpstreamProtocol', parser.failText));
      } else {
        if (parser.isTunnel && at < data.length) {
          this.give(exchange, data.subarray(at), slab, owned);
          at = data.length;
          continue;
        }
        if (exchange.holding) this.stop();
        break;
      }
    }
    this.reading = false;
    if (exchange.skipping && this.exchange === exchange) exchange.abandon(null);
  }

  private give(exchange: ClientExchange, chunk: Buffer, slab: Slab | null, owned: boolean): void {
    if (slab !== null) {
      exchange.lend(slab);
      exchange.deliver(chunk);
    } else if (owned || chunk.length < longRead) {
      exchange.deliver(owned ? chunk : Buffer.from(chunk));
    } else {
      const copy = takeSlab();
      copy.busy = false;
      exchange.lend(copy);
      exchange.deliver(copy.memory.subarray(0, chunk.copy(copy.memory)));
    }
  }

  /** Keeps what nobody takes yet. */
  private hold(rest: Buffer, slab: Slab | null, owned: boolean): void {
    if (owned) this.held = rest;
    else if (slab === null) this.held = Buffer.from(rest);
    else {
      // Never given back: a held part has no receiver who could.
      slab.lent++;
      this.held = rest;
    }
    this.stop();
  }

  private stop(): void {
    this.stopped = true;
    this.socket?.pause();
  }

  private readOn(): void {
    this.stopped = false;
    this.socket?.resume();
  }

  private onHead(exchange: ClientExchange, nothingFollows: boolean): void {
    const { parser } = this;
    const { status, headers } = parser;
    if (status < 200 && status !== 101) {
      if (++this.interim > maxInterim) {
        exchange.fail(new ProxyError('UpstreamProtocol', `more than ${maxInterim} interim answers`));
      } else if (status !== 100) {
        exchange.observer.inform(status, headers);
      }
      return;
    }
    if (status === 101 && !exchange.upgrade) {
      exchange.fail(new ProxyError('UpstreamProtocol', '101 although no upgrade was asked for'));
      return;
    }
    const { maxBody } = exchange;
    if (maxBody >= 0 && parser.length > maxBody) {
      exchange.fail(new ProxyError('UpstreamTooLarge', `body of ${parser.length} bytes is over ${maxBody}`));
      return;
    }
    // Between the gateway and the origin (RFC 9110 11.7.1); the client did not speak to it.
    if (status === 407) headers.delete('proxy-authenticate');
    headers.names.push(viaName);
    headers.values.push(viaValue);
    const head = { status, reason: parser.reason, headers };
    if (status === 101) exchange.enterTunnel(head);
    else if (parser.hasBody) exchange.answer(head, parser.length, status >= 400 || !parser.keepAlive);
    else {
      this.release(exchange, nothingFollows);
      exchange.answerEmpty(head);
    }
  }

  /** The end of a body. */
  private complete(exchange: ClientExchange, nothingFollows: boolean): void {
    const { trailers } = this.parser;
    this.release(exchange, nothingFollows);
    exchange.endBody(trailers);
  }

  /** The answer is whole. The connection is free before the receiver hears of it, so that its next request finds it. */
  private release(exchange: ClientExchange, nothingFollows: boolean): void {
    const reusable = nothingFollows && this.parser.keepAlive && exchange.requestDone && !this.ended;
    this.exchange = null;
    this.longBody = false;
    exchange.leave();
    if (!reusable) {
      this.destroy();
      return;
    }
    this.served++;
    if (this.stopped) this.readOn();
    this.owner.free();
  }

  private onEnd(): void {
    this.ended = true;
    if (this.held === null && this.exchange?.holding !== true) this.finish();
  }

  /** Everything that the origin sent has been consumed, and it has ended its side. */
  private finish(): void {
    const { exchange, parser } = this;
    if (exchange === null) {
      this.destroy();
    } else if (parser.isTunnel) {
      exchange.endTunnel();
    } else {
      const untouched = parser.idle && !exchange.headSeen;
      const event = parser.finish();
      if (event === parseEvent.end) this.complete(exchange, true);
      else if (untouched) exchange.fail(exchange.lost('closed before it answered'));
      else if (exchange.headSeen) exchange.fail(new ProxyError('UpstreamReset', 'closed in the middle of a body'));
      else exchange.fail(new ProxyError('UpstreamProtocol', 'closed in the middle of a head'));
    }
  }

  private onError(error: NodeJS.ErrnoException | null): void {
    if (this.gone) return;
    const { exchange } = this;
    const text = error?.code ?? 'closed';
    if (exchange === null) this.destroy();
    else if (this.parser.idle && !exchange.headSeen) exchange.fail(exchange.lost(text));
    else exchange.fail(new ProxyError('UpstreamReset', text));
  }
}
