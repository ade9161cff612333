// How much a peer may ask for that costs us and brings nothing: streams that are reset as soon as they are open
// (CVE-2023-44487), faults that make us reset them (CVE-2025-8671), and frames that move nothing (CVE-2019-9512 to
// 9518). Two leaky buckets per connection, emptied by the clock that connections share. Whoever overflows one is told
// ENHANCE_YOUR_CALM and loses the connection.

import { tickMs } from '#proxy/http1/clock.ts';
import type { Http2Limits } from './limits.ts';

export class Patience {
  private readonly limits: Http2Limits;
  private resets = 0;
  private idleFrames = 0;

  constructor(limits: Http2Limits) {
    this.limits = limits;
  }

  /** A stream was reset before its time. False when that is enough. */
  reset(): boolean {
    return ++this.resets <= this.limits.resetBurst;
  }

  /** A frame that moves nothing. False when that is enough. */
  idle(): boolean {
    return ++this.idleFrames <= this.limits.idleFrameBurst;
  }

  /** A frame that moves something makes up for one or more that do not: window updates come with data. */
  useful(frames: number): void {
    if (this.idleFrames > 0) this.idleFrames = Math.max(0, this.idleFrames - frames);
  }

  /** A tick of the clock has passed. */
  tick(): void {
    const { resetsPerSecond, idleFramesPerSecond } = this.limits;
    if (this.resets > 0) this.resets = Math.max(0, this.resets - (resetsPerSecond * tickMs) / 1000);
    if (this.idleFrames > 0) this.idleFrames = Math.max(0, this.idleFrames - (idleFramesPerSecond * tickMs) / 1000);
  }
}
