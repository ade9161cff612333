// An exchange without a protocol: what a handler answers is written down, and the test says when the client leaves or
// takes the rest of the answer.

import type { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, Exchange, Outcome, Peer, RequestHead, ResponseHead } from '#proxy/exchange/exchange.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';

export interface ScriptedRequest {
  readonly head: RequestHead;
  readonly body?: Body | null;
  readonly peer: Peer;
  readonly startedAt?: number;
}

export class ScriptedExchange implements Exchange {
  readonly head: RequestHead;
  readonly body: Body | null;
  readonly tunnel: Body | null = null;
  readonly peer: Peer;
  readonly version = '1.1';
  readonly startedAt: number;
  onAbort: ((cause: ProxyError) => void) | null = null;
  onDone: ((outcome: Outcome) => void) | null = null;

  readonly informed: number[] = [];
  answer: ResponseHead | null = null;
  /** Body of the answer as text; what has arrived so far. */
  text = '';
  /** How the answer ended: `` not yet, `end`, or the code of an error. */
  ended = '';
  private gone: ProxyError | null = null;

  constructor(request: ScriptedRequest) {
    this.head = request.head;
    this.body = request.body ?? null;
    this.peer = request.peer;
    this.startedAt = request.startedAt ?? 1000;
  }

  inform(status: number, _headers: HeaderList): void {
    this.informed.push(status);
  }

  respond(head: ResponseHead, body: Body | null): void {
    if (this.gone !== null) {
      body?.cancel(this.gone);
      return;
    }
    if (this.answer !== null) throw new Error('answered twice');
    this.answer = head;
    if (body === null) {
      this.finish('end', null);
      return;
    }
    body.start({
      chunk: (data) => (this.text += data.toString()),
      end: () => this.finish('end', null),
      error: (cause) => this.finish(cause.code, cause),
    });
  }

  abort(cause: ProxyError): void {
    if (this.answer !== null) throw new Error('answered already');
    this.finish(cause.code, cause);
  }

  /** The client goes away. */
  leave(cause: ProxyError): void {
    if (this.ended !== '') return;
    this.gone = cause;
    this.onAbort?.(cause);
    this.finish(cause.code, cause);
  }

  private finish(ended: string, error: ProxyError | null): void {
    if (this.ended !== '') return;
    this.ended = ended;
    const done = this.onDone;
    this.onDone = null;
    this.onAbort = null;
    done?.({ status: this.answer?.status ?? 0, bytesIn: 100, bytesOut: 200 + this.text.length, error });
  }
}
