// Bodies that are already there, and the bounded reader for whoever needs the whole of one.

import type { Body, BodySink } from './exchange.ts';
import { ProxyError } from './error.ts';
import type { HeaderList } from './headers.ts';
import { holdBytes } from './memory-budget.ts';

/** A body made of bytes in memory. Delivered in one chunk on start(), or on resume() when paused before. */
export class BufferBody implements Body {
  readonly length: number;
  private readonly data: Buffer;
  private readonly trailers: HeaderList | null;
  private sink: BodySink | null = null;
  private paused = false;
  private done = false;

  constructor(data: Buffer, trailers: HeaderList | null = null) {
    this.data = data;
    this.length = data.length;
    this.trailers = trailers;
  }

  start(sink: BodySink): void {
    this.sink = sink;
    if (!this.paused) this.flush();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.flush();
  }

  cancel(): void {
    this.done = true;
  }

  private flush(): void {
    const sink = this.sink;
    if (sink === null || this.done) return;
    this.done = true;
    if (this.data.length > 0) sink.chunk(this.data);
    sink.end(this.trailers);
  }
}

/**
 * Reads a whole body of at most `limit` bytes. Over the limit (declared or counted) the body is cancelled and
 * `done` gets a PayloadTooLarge; a broken body gives its own cause. `done` is called once, maybe before this returns.
 */
export function readWhole(
  body: Body,
  limit: number,
  done: (error: ProxyError | null, data: Buffer, trailers: HeaderList | null) => void,
): void {
  const chunks: Buffer[] = [];
  const held = holdBytes(chunks);
  let size = 0;
  let settled = false;
  const settle = (error: ProxyError | null, data: Buffer, trailers: HeaderList | null): void => {
    if (settled) return;
    settled = true;
    held.release();
    done(error, data, trailers);
  };
  const refuse = (): void => {
    const error = new ProxyError('PayloadTooLarge', `body is larger than ${limit} bytes`);
    body.cancel(error);
    settle(error, empty, null);
  };
  if (body.length > limit) {
    refuse();
    return;
  }
  body.start({
    chunk(data) {
      size += data.length;
      if (size > limit) {
        refuse();
      } else {
        chunks.push(data);
        held.add(data.length);
      }
    },
    end(trailers) {
      settle(null, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size), trailers);
    },
    error(cause) {
      settle(cause, empty, null);
    },
  });
}

const empty = Buffer.alloc(0);
