// Access-log lines on their way to a descriptor, one writer per data thread. Lines are joined into batches, written
// when a batch is large or 100 ms old, one write at a time; what comes faster than the descriptor takes it is dropped
// and counted. A request never waits for its line. Where nothing can be written that is told once, and the place is
// opened again with every batch until it can.

import { close, openSync, write } from 'node:fs';

export interface LogWriterOptions {
  /** `stdout`, or a file that is appended to. */
  readonly place: string;
  /** Told how many lines were written or dropped. */
  readonly counted: (written: number, dropped: number) => void;
  /** Told of the first write that fails, and with null of the first that succeeds again. */
  readonly troubled: (error: Error | null) => void;
  readonly flushMs?: number;
  /** Characters that make a batch due at once. */
  readonly flushLength?: number;
  /** Characters that may wait while a write is under way. */
  readonly maxLength?: number;
}

/** A pipe that nobody reads for the moment: tried again after this. */
const againMs = 10;

export class LogWriter {
  private readonly options: LogWriterOptions;
  /** -1 = to be opened with the next batch. */
  private fd = -1;
  private stale = false;
  private failing = false;
  private readonly flushMs: number;
  private readonly flushLength: number;
  private readonly maxLength: number;
  private text = '';
  private lines = 0;
  private timer: NodeJS.Timeout | null = null;
  private writing = false;
  private closing: (() => void) | null = null;
  private closed = false;

  constructor(options: LogWriterOptions) {
    this.options = options;
    this.flushMs = options.flushMs ?? 100;
    this.flushLength = options.flushLength ?? 32 * 1024;
    this.maxLength = options.maxLength ?? 1024 * 1024;
    try {
      // Now, because there may be no descriptor left when the first line comes.
      this.open();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The file was moved away: the next batch goes to a new one. */
  reopen(): void {
    this.stale = true;
  }

  /** `line` without its end. */
  line(line: string): void {
    if (this.closed || this.text.length + line.length > this.maxLength) {
      this.options.counted(0, 1);
      return;
    }
    this.text += `${line}\n`;
    this.lines++;
    if (this.writing) return;
    if (this.text.length >= this.flushLength) this.flush();
    else this.timer ??= setTimeout(this.flush, this.flushMs);
  }

  /** Writes what is there; later lines are dropped. Resolves after at most `limitMs`. */
  async close(limitMs = 1000): Promise<void> {
    this.closed = true;
    this.flush();
    if (this.writing) {
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, limitMs);
        this.closing = () => {
          clearTimeout(limit);
          resolve();
        };
      });
    }
    // One that is still written to is the system's to close.
    if (!this.writing) this.shut();
  }

  private readonly flush = (): void => {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.writing) return;
    if (this.lines === 0) {
      this.closing?.();
      return;
    }
    const batch = Buffer.from(this.text);
    const { lines } = this;
    this.text = '';
    this.lines = 0;
    this.writing = true;
    try {
      this.open();
      this.write(batch, lines);
    } catch (error) {
      this.fail(error);
      this.written(0, lines);
    }
  };

  private open(): void {
    const { place } = this.options;
    if (this.stale) this.shut();
    if (this.fd === -1) this.fd = place === 'stdout' ? 1 : openSync(place, 'a', 0o640);
  }

  private shut(): void {
    this.stale = false;
    if (this.fd > 2) close(this.fd);
    this.fd = -1;
  }

  private write(batch: Buffer, lines: number): void {
    write(this.fd, batch, 0, batch.length, null, (error, written) => {
      if (error?.code === 'EAGAIN' || error?.code === 'EINTR') {
        setTimeout(() => this.write(batch, lines), againMs);
      } else if (error !== null) {
        this.fail(error);
        this.written(0, lines);
      } else if (written < batch.length) {
        this.write(batch.subarray(written), lines);
      } else {
        if (this.failing) this.options.troubled(null);
        this.failing = false;
        this.written(lines, 0);
      }
    });
  }

  private fail(error: unknown): void {
    if (!this.failing) this.options.troubled(error instanceof Error ? error : new Error(String(error)));
    this.failing = true;
  }

  private written(written: number, dropped: number): void {
    this.options.counted(written, dropped);
    this.writing = false;
    // What came meanwhile has waited long enough when it is much, or when nothing more may come.
    if (this.closed || this.text.length >= this.flushLength) this.flush();
    else if (this.lines > 0) this.timer ??= setTimeout(this.flush, this.flushMs);
  }
}
