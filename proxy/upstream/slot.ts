// The stable handle of an upstream that pipelines hold. A change of the upstream swaps `current` in place, so that
// pipelines which refer to it need not be built again; calls under way stay with the instance that took them.

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Upstream, UpstreamCall, UpstreamCallbacks, UpstreamRequest } from './upstream.ts';
import type { UpstreamInstance } from './upstream-instance.ts';

export class UpstreamSlot implements Upstream {
  readonly name: string;
  current: UpstreamInstance | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get title(): string {
    return this.current?.title ?? this.name;
  }

  send(request: UpstreamRequest, callbacks: UpstreamCallbacks): UpstreamCall {
    if (this.current !== null) return this.current.send(request, callbacks);
    callbacks.error(new ProxyError('NoEndpoint', `${this.name} is not there`));
    return noCall;
  }
}

const noCall: UpstreamCall = { endpoint: '', cancel() {} };
