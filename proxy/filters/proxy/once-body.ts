// The body of a request that goes upstream. It flows straight from its source to the upstream; what this adds is that
// the request is left with a body that fails instead, so that a later filter which sends the same request again gets
// an error and not half a body. A body that no upstream has started stays usable.

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, BodySink } from '#proxy/exchange/exchange.ts';

export class OnceBody implements Body {
  readonly length: number;
  private readonly request: { body: Body | null };
  private readonly source: Body;

  constructor(request: { body: Body | null }, source: Body) {
    this.length = source.length;
    this.request = request;
    this.source = source;
  }

  start(sink: BodySink): void {
    this.request.body = new SpentBody(this.length);
    this.source.start(sink);
  }

  pause(): void {
    this.source.pause();
  }

  resume(): void {
    this.source.resume();
  }

  cancel(cause: ProxyError | null): void {
    this.source.cancel(cause);
  }
}

class SpentBody implements Body {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  start(sink: BodySink): void {
    sink.error(new ProxyError('Internal', 'the request body has been sent to another upstream already'));
  }

  pause(): void {}
  resume(): void {}
  cancel(): void {}
}
