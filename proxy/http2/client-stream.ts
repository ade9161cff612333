// One request to an HTTP/2 origin and its answer. It is the sink of the request's body; the answer's is a body of its
// own. What the answer means for a request that is still going, and who hears of what, is decided here, as in the
// client role of HTTP/1.1.

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink, RequestHead, ResponseHead, Scheme } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { Destination, ExchangeObserver } from '#proxy/http1/client-exchange.ts';
import { noBody, viaName } from '#proxy/http1/client-head.ts';
import { blockOf, type FieldBlock } from './field-block.ts';
import { errorCode } from './frames.ts';
import { IncomingBody, type IncomingOwner } from './incoming-body.ts';
import { sendRequest } from './request-block.ts';
import type { Sender } from './sender.ts';
import { Stream, type StreamOwner } from './stream.ts';

export interface ClientStreamOwner extends StreamOwner {
  readonly sender: Sender;
  fault(stream: Stream, code: number, text: string): void;
}

const maxInterim = 16;
/** What the answer was received in (RFC 9110 7.6.3). */
const viaValue = '2 easegress';

export class ClientStream extends Stream implements BodySink, IncomingOwner {
  declare protected readonly owner: ClientStreamOwner;
  private readonly method: string;
  private readonly body: Body | null;
  private readonly requestLength: number;
  private readonly observer: ExchangeObserver;
  private readonly maxBody: number;
  private answer: IncomingBody | null = null;
  private requestSent = 0;
  private requestDone: boolean;
  private received = 0;
  private interim = 0;
  private headSeen = false;
  private bodiless = false;
  private over = false;

  constructor(owner: ClientStreamOwner, id: number, asked: Asked) {
    super(owner, id, false);
    this.method = asked.request.method;
    this.body = asked.body;
    this.source = asked.body;
    this.requestLength = asked.body === null ? noBody : asked.body.length;
    this.requestDone = asked.body === null;
    this.observer = asked.observer;
    this.maxBody = asked.to.maxBody;
  }

  begin({ request, to }: Asked, scheme: Scheme): void {
    const host = to.host ?? request.authority;
    const size = sendRequest(this.owner.sender, this.id, request, {
      pathPrefix: to.pathPrefix,
      host: host === '' ? to.ownHost : host,
      scheme,
      bodyLength: this.requestLength,
    });
    if (size === 0) {
      this.owner.reset(this, errorCode.cancel);
      this.fail(new ProxyError('Internal', 'the request cannot be written as HTTP/2'));
      return;
    }
    if (this.body === null) this.localDone = true;
    else this.body.start(this);
  }

  /** Nobody wants the answer, or the rest of it. */
  cancel(cause: ProxyError | null): void {
    if (this.over) return;
    this.over = true;
    this.owner.reset(this, errorCode.cancel);
    this.stopRequest(cause);
    this.answer?.leave();
    if (this.headSeen) this.observer.done(cause);
  }

  get progress(): number {
    return this.received + this.requestSent;
  }

  get awaited(): boolean {
    return this.answer?.wanted === true && !this.over;
  }

  breakOff(cause: ProxyError): void {
    if (!this.over) this.giveUp(cause);
  }

  // ── sink of the request's body ────────────────────────────────────────────────────────────────────────────────

  chunk(data: Buffer): void {
    if (this.over || this.requestDone) return;
    this.requestSent += data.length;
    if (this.requestLength >= 0 && this.requestSent > this.requestLength) {
      this.giveUp(new ProxyError('Internal', 'the body is longer than its declared length'));
      return;
    }
    this.send(data);
  }

  end(trailers: HeaderList | null): void {
    if (this.over || this.requestDone) return;
    if (this.requestSent < this.requestLength) {
      this.giveUp(new ProxyError('Internal', 'the body is shorter than its declared length'));
      return;
    }
    this.requestDone = true;
    this.endSending(trailers);
  }

  /** The request broke off: the origin must not take what it has for the whole. */
  error(cause: ProxyError): void {
    if (this.over || this.requestDone) return;
    this.requestDone = true;
    this.giveUp(cause);
  }

  onSent(): void {}

  // ── the answer ────────────────────────────────────────────────────────────────────────────────────────────────

  get expects(): number {
    return this.headSeen ? blockOf.trailers : blockOf.response;
  }

  onBlock(block: FieldBlock, ended: boolean): void {
    if (block.tooLarge) this.giveUp(new ProxyError('UpstreamProtocol', 'the field list is too large'));
    else if (this.headSeen) this.onTrailers(block.headers.length === 0 ? null : block.headers);
    else if (block.status < 200) this.onInterim(block, ended);
    else this.onHead(block, ended);
  }

  onData(data: Buffer): void {
    const { answer } = this;
    const { length } = data;
    this.received += length;
    if (answer === null || (answer.length >= 0 && this.received > answer.length)) {
      this.owner.consumed(this, length);
      this.owner.fault(
        this,
        errorCode.protocolError,
        this.headSeen ? 'more DATA than the head allows' : 'DATA before a head',
      );
      return;
    }
    if (this.maxBody >= 0 && this.received > this.maxBody) {
      this.owner.consumed(this, length);
      this.giveUp(new ProxyError('UpstreamTooLarge', `body is over ${this.maxBody} bytes`));
      return;
    }
    answer.push(data);
  }

  onEnd(): void {
    this.endAnswer(null);
  }

  // ── owner of the answer's body ────────────────────────────────────────────────────────────────────────────────

  onWanted(): void {}

  onCancelled(cause: ProxyError | null): void {
    this.cancel(cause);
  }

  consumed(bytes: number): void {
    this.owner.consumed(this, bytes);
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  onGone(cause: ProxyError): void {
    this.fail(cause);
  }

  onExpired(): void {}

  count(): void {}

  private onInterim(block: FieldBlock, ended: boolean): void {
    // 101 has no place in HTTP/2 (RFC 9113 8.6).
    if (ended || block.status === 101 || ++this.interim > maxInterim) {
      this.owner.fault(this, errorCode.protocolError, 'invalid interim answer');
    } else if (block.status !== 100) {
      this.observer.inform(block.status, block.headers);
    }
  }

  private onHead(block: FieldBlock, ended: boolean): void {
    const { status, headers, contentLength } = block;
    this.bodiless = this.method === 'HEAD' || status === 204 || status === 304;
    if (ended && contentLength > 0 && !this.bodiless) {
      this.owner.fault(this, errorCode.protocolError, 'content-length without DATA');
      return;
    }
    if (this.maxBody >= 0 && contentLength > this.maxBody && !this.bodiless) {
      this.giveUp(new ProxyError('UpstreamTooLarge', `body of ${contentLength} bytes is over ${this.maxBody}`));
      return;
    }
    // What the origin offers is not the gateway's to offer (RFC 7838), nor is its own gate (RFC 9110 11.7.1).
    headers.delete('alt-svc');
    if (status === 407) headers.delete('proxy-authenticate');
    headers.append(viaName, viaValue);
    const head: ResponseHead = { status, reason: '', headers };
    this.headSeen = true;
    if (!ended && !this.bodiless) this.answer = new IncomingBody(this, contentLength);
    this.observer.head(head, this.answer);
    if (ended) this.endAnswer(null);
  }

  private onTrailers(trailers: HeaderList | null): void {
    this.endAnswer(trailers);
  }

  private endAnswer(trailers: HeaderList | null): void {
    const { answer } = this;
    if (this.over) return;
    if (!this.headSeen) {
      this.owner.fault(this, errorCode.protocolError, 'the end before a head');
      return;
    }
    if (answer !== null && this.received < answer.length) {
      this.owner.fault(this, errorCode.protocolError, 'less DATA than content-length says');
      return;
    }
    this.over = true;
    // The answer is whole; what is left of the request has no reader any more.
    if (!this.localDone) this.owner.reset(this, errorCode.noError);
    this.stopRequest(null);
    answer?.finish(trailers);
    this.observer.done(null);
  }

  private giveUp(cause: ProxyError): void {
    this.owner.reset(this, errorCode.cancel);
    this.fail(cause);
  }

  private fail(cause: ProxyError): void {
    if (this.over) return;
    this.over = true;
    this.stopRequest(cause);
    if (!this.headSeen) {
      this.observer.failed(cause);
      return;
    }
    this.answer?.fail(cause);
    this.observer.done(cause);
  }

  private stopRequest(cause: ProxyError | null): void {
    if (this.requestDone) return;
    this.requestDone = true;
    this.body?.cancel(cause);
  }
}

/** What is asked of an origin. */
export interface Asked {
  readonly request: RequestHead;
  readonly body: Body | null;
  readonly to: Destination;
  readonly observer: ExchangeObserver;
}
