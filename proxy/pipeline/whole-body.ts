// For filters that need the whole of a body (a signature, a template, a schema): reads at most 4 MiB, as Easegress
// does, and puts the bytes back, so that later nodes and the upstream find the body as if nobody had read it.
// Everything else streams.

import { BufferBody, readWhole } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { PipelineRequest, PipelineResponse } from './filter.ts';

export const maxWholeBody = 4 * 1024 * 1024;

export type WholeBodyDone = (error: ProxyError | null, data: Buffer) => void;

/** Over the bound: PayloadTooLarge, 413. `done` is called once, maybe before this returns. */
export function wholeRequest(request: PipelineRequest, done: WholeBodyDone, limit: number = maxWholeBody): void {
  whole(request, limit, done);
}

/** Over the bound: UpstreamTooLarge, 500. */
export function wholeResponse(response: PipelineResponse, done: WholeBodyDone, limit: number = maxWholeBody): void {
  whole(response, limit, (error, data) => {
    const tooLarge = error !== null && error.code === 'PayloadTooLarge';
    done(tooLarge ? new ProxyError('UpstreamTooLarge', error.message) : error, data);
  });
}

function whole(message: PipelineRequest | PipelineResponse, limit: number, done: WholeBodyDone): void {
  const { body } = message;
  if (body === null) {
    done(null, empty);
    return;
  }
  // Taken: while it is read, and when that fails, nobody else may find it.
  message.body = null;
  readWhole(body, limit, (error, data, trailers) => {
    if (error === null) message.body = new BufferBody(data, trailers);
    done(error, data);
  });
}

const empty = Buffer.alloc(0);
