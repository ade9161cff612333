// Messages on a byte stream: a 4-byte big-endian length and that many bytes of JSON, in both directions. Used by both
// ends of the push stream. It survives any split of the bytes, refuses what is over the bound before it is there, and
// hands out only what fits the schema of its direction. It knows nothing of sockets.

import type { z } from 'zod';
import { maxMessageBytes } from './messages.ts';

const lengthBytes = 4;

/** The bytes cannot be understood: the stream they came from is of no further use. */
export class FramingError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FramingError';
  }
}

/** Throws when the message is over the bound: whoever builds messages splits them. */
export function encodeMessage(message: { readonly type: string }): Buffer {
  const text = JSON.stringify(message);
  const size = Buffer.byteLength(text);
  if (size > maxMessageBytes) throw new RangeError(`message ${message.type} has ${size} bytes`);
  const bytes = Buffer.allocUnsafe(lengthBytes + size);
  bytes.writeUInt32BE(size, 0);
  bytes.write(text, lengthBytes);
  return bytes;
}

export class MessageDecoder<T> {
  private readonly schema: z.ZodType<T>;
  private readonly limit: number;
  /** Chunks of the message that is not complete yet, its length bytes included. */
  private pending: Buffer[] = [];
  private size = 0;

  constructor(schema: z.ZodType<T>, limit = maxMessageBytes) {
    this.schema = schema;
    this.limit = limit;
  }

  /** Whole messages that end in `chunk`. Throws a FramingError; afterwards the decoder must not be used. */
  push(chunk: Buffer): T[] {
    this.pending.push(chunk);
    this.size += chunk.length;
    const messages: T[] = [];
    for (;;) {
      if (this.size < lengthBytes) return messages;
      const length = this.peekLength();
      if (length > this.limit) throw new FramingError(`message of ${length} bytes, at most ${this.limit} are allowed`);
      if (this.size < lengthBytes + length) return messages;
      messages.push(this.take(length));
    }
  }

  private peekLength(): number {
    const first = this.pending[0] as Buffer;
    if (first.length >= lengthBytes) return first.readUInt32BE(0);
    this.join();
    return (this.pending[0] as Buffer).readUInt32BE(0);
  }

  private take(length: number): T {
    this.join();
    const bytes = this.pending[0] as Buffer;
    const end = lengthBytes + length;
    const rest = bytes.subarray(end);
    this.pending = rest.length > 0 ? [rest] : [];
    this.size = rest.length;
    return this.parse(bytes.toString('utf8', lengthBytes, end));
  }

  private parse(text: string): T {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new FramingError('message is no JSON', { cause: error });
    }
    const parsed = this.schema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new FramingError(
        `message does not fit the protocol: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
      );
    }
    return parsed.data;
  }

  /** Only when a message is complete (or its length is torn), so that bytes are copied once. */
  private join(): void {
    if (this.pending.length > 1) this.pending = [Buffer.concat(this.pending, this.size)];
  }
}
