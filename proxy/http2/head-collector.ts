// Puts a field block together that came in several frames (RFC 9113 4.3, 6.10). What a peer may send before the block
// ends is bounded by bytes and by frames (CVE-2024-27983, CVE-2024-27316).

export class HeadCollector {
  /** Stream of the block that has begun and not ended; 0 = there is none. */
  stream = 0;
  /** The block is the last thing of its stream. */
  ended = false;
  /** It says that its stream depends on itself (RFC 9113 5.3.1). */
  selfDependent = false;
  private readonly maxBytes: number;
  private readonly maxFrames: number;
  private parts: Buffer[] = [];
  private size = 0;

  constructor(maxBytes: number, maxFrames: number) {
    this.maxBytes = maxBytes;
    this.maxFrames = maxFrames;
  }

  begin(stream: number, ended: boolean): void {
    this.stream = stream;
    this.ended = ended;
  }

  /** False when that is too much. */
  add(data: Buffer, start: number, end: number): boolean {
    this.size += end - start;
    if (this.size > this.maxBytes || this.parts.length > this.maxFrames) return false;
    // A copy: the read that it lies in is not to be held for it.
    this.parts.push(Buffer.from(data.subarray(start, end)));
    return true;
  }

  finish(): Buffer {
    const whole = Buffer.concat(this.parts, this.size);
    this.stream = 0;
    this.parts = [];
    this.size = 0;
    return whole;
  }
}
