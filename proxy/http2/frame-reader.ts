// Cuts what arrives into frames (RFC 9113 4.1). A frame that lies whole in one read is given out where it lies; only
// one that spans reads is copied together. It knows nothing of streams or of what a frame means.

import { defaultFrameSize, frameHeaderBytes } from './frames.ts';

export const frameEvent = { more: 0, frame: 1, tooLong: 2 } as const;

export class FrameReader {
  type = 0;
  flags = 0;
  stream = 0;
  /** Payload of the frame: `data` from `start` to `end`. */
  data: Buffer;
  start = 0;
  end = 0;
  /** Where the next frame begins in the bytes given to next(). */
  offset = 0;
  private partial: Buffer = none;
  /** Bytes in `partial`, and how many it takes. */
  private have = 0;
  private need = frameHeaderBytes;

  constructor() {
    this.data = none;
  }

  /** A frame has begun and is not complete. */
  get inFrame(): boolean {
    return this.have > 0;
  }

  /** Takes the next frame out of `data`, from `at`; `more` when it is used up. */
  next(data: Buffer, at: number): number {
    if (this.have > 0) return this.fill(data, at);
    const left = data.length - at;
    if (left < frameHeaderBytes) {
      if (left > 0) this.keep(data, at, frameHeaderBytes);
      return this.exhausted(data);
    }
    const length = lengthAt(data, at);
    if (length > defaultFrameSize) return frameEvent.tooLong;
    if (left < frameHeaderBytes + length) {
      this.keep(data, at, frameHeaderBytes + length);
      return this.exhausted(data);
    }
    this.offset = at + frameHeaderBytes + length;
    return this.give(data, at, length);
  }

  private fill(data: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const size = Math.min(this.need - this.have, data.length - at);
      data.copy(this.partial, this.have, at, at + size);
      this.have += size;
      at += size;
      this.offset = at;
      if (this.have < this.need) return frameEvent.more;
      const length = lengthAt(this.partial, 0);
      if (length > defaultFrameSize) return frameEvent.tooLong;
      if (this.need === frameHeaderBytes + length) {
        const { partial } = this;
        this.have = 0;
        this.partial = none;
        return this.give(partial, 0, length);
      }
      const whole = Buffer.allocUnsafe(frameHeaderBytes + length);
      this.partial.copy(whole, 0, 0, frameHeaderBytes);
      this.partial = whole;
      this.need = whole.length;
    }
  }

  private keep(data: Buffer, at: number, need: number): void {
    this.partial = Buffer.allocUnsafe(need);
    this.need = need;
    this.have = data.copy(this.partial, 0, at);
  }

  private exhausted(data: Buffer): number {
    this.offset = data.length;
    return frameEvent.more;
  }

  private give(data: Buffer, at: number, length: number): number {
    this.data = data;
    this.type = data[at + 3] as number;
    this.flags = data[at + 4] as number;
    this.stream = uint31(data, at + 5);
    this.start = at + frameHeaderBytes;
    this.end = this.start + length;
    return frameEvent.frame;
  }
}

const none: Buffer = Buffer.alloc(0);

function lengthAt(data: Buffer, at: number): number {
  return ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
}

/** Four bytes without the reserved bit. */
export function uint31(data: Buffer, at: number): number {
  const high = (data[at] as number) & 0x7f;
  return (high << 24) | ((data[at + 1] as number) << 16) | ((data[at + 2] as number) << 8) | (data[at + 3] as number);
}

export function uint32(data: Buffer, at: number): number {
  return (uint31(data, at) | ((data[at] as number) << 24)) >>> 0;
}
