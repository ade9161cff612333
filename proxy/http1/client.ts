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
import { WriteBatch, type WriteOwner } from './write-batch.ts';

export interface ConnectionOwner {
  /** The exchange ended cleanly; another may be sent. */
  free(): void;
  /** Called once; the socket is destroyed. */
  closed(): void;
}

const readBytes = 64 * 1024;
/** A read at least this long in a body switches to memory of the connection's own. */
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
  private slab: Buffer | null = null;
  private slabUsed = 0;
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
      this.consume(held, true);
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
    if (held !== null) this.consume(held, true);
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
    if (!this.longBody) {
      this.slab = null;
      return sharedBuffer;
    }
    if (this.slab === null || readBytes - this.slabUsed < longRead) {
      this.slab = Buffer.allocUnsafeSlow(readBytes);
      this.slabUsed = 0;
    }
    return this.slab.subarray(this.slabUsed);
  }

  private received(size: number): boolean {
    const { slab } = this;
    let data: Buffer;
    if (slab === null) {
      data = sharedBuffer.subarray(0, size);
    } else {
      data = slab.subarray(this.slabUsed, this.slabUsed + size);
      this.slabUsed += size;
    }
    if (this.held !== null) this.held = Buffer.concat([this.held, data]);
    else this.consume(data, slab !== null);
    this.longBody = size >= longRead && this.exchange !== null && this.exchange.headSeen;
    return true;
  }

  /** `owned`: nobody writes to `data` again, so that parts of it may be given away. */
  private consume(data: Buffer, owned: boolean): void {
    const { exchange, parser } = this;
    if (exchange === null) {
      // An origin that speaks unasked says that it closes (408), or is out of step: its bytes answer no request.
      this.destroy();
      return;
    }
    this.reading = true;
    let at = 0;
    while (this.exchange === exchange) {
      if (exchange.holding) {
        this.hold(data, at, owned);
        break;
      }
      const event = parser.next(data, at);
      at = parser.offset;
      if (event === parseEvent.chunk) {
        exchange.deliver(owned ? parser.chunk : Buffer.from(parser.chunk));
      } else if (event === parseEvent.head) {
        this.onHead(exchange, at === data.length);
      } else if (event === parseEvent.end) {
        this.complete(exchange, at === data.length);
      } else if (event === parseEvent.failed) {
        exchange.fail(new ProxyError('UpstreamProtocol', parser.failText));
      } else {
        if (parser.isTunnel && at < data.length) {
          const rest = data.subarray(at);
          exchange.deliver(owned ? rest : Buffer.from(rest));
          at = data.length;
          continue;
        }
        break;
      }
    }
    this.reading = false;
    if (exchange.skipping && this.exchange === exchange) exchange.abandon(null);
  }

  private hold(data: Buffer, at: number, owned: boolean): void {
    const rest = data.subarray(at);
    this.held = owned ? rest : Buffer.from(rest);
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
