// The last good units on disk: what lets a restarted proxy serve while no operator answers. A journal of changes in
// --state-dir (mode 0600: it holds private keys), rewritten whole when it has grown to twice what it must hold.
// Writing never holds up serving: changes queue up, one write is under way, and a full disk is logged once, counted
// and tried again with a whole rewrite. The state itself belongs to the runtime; here is only its file.

import { chmod, mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { WireUnit } from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import {
  decodeJournal,
  encodeChange,
  isJournal,
  journalHeader,
  type JournalDelta,
  type JournalState,
} from './journal-format.ts';

export interface JournalOptions {
  readonly dir: string;
  readonly log: Log;
  /** The state as it is now, for a rewrite. */
  readonly state: () => { readonly version: string; readonly units: Iterable<WireUnit> };
  /** A rewrite is due when this many bytes, and as many as the state needs, have been appended. */
  readonly compactBytes?: number;
  /** Milliseconds from a failed write to the next. */
  readonly retryMs?: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface Journal extends AsyncDisposable {
  /** Returns at once. */
  append(change: Omit<JournalDelta, 'more'>): void;
  /** Resolves when everything appended so far was written or given up. */
  flush(): Promise<void>;
  /** Failed writes since the start. */
  readonly failures: number;
}

const fileName = 'units.journal';
const defaultCompactBytes = 1024 * 1024;
/** A queue of this many bytes is dropped for one rewrite. */
const maxQueueBytes = 16 * 1024 * 1024;
const retryAfterMs = 10_000;

/** What the folder holds; an empty state, and one line in the log, when that cannot be read. */
export async function loadUnits(dir: string, log: Log): Promise<JournalState> {
  const file = path.join(dir, fileName);
  try {
    const bytes = await readFile(file);
    const decoded = decodeJournal(bytes);
    if (decoded === null && isJournal(bytes)) {
      log.warn({ file }, 'units on disk are of another version; starting empty');
    } else if (decoded === null) {
      log.warn({ file, bytes: bytes.length }, 'units on disk are corrupt; starting empty');
    } else {
      const dropped = bytes.length - decoded.validBytes;
      if (dropped > 0) log.warn({ file, dropped }, 'the end of the units on disk is torn or corrupt and was dropped');
      return decoded.state;
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log.warn({ file, err: error }, 'units on disk cannot be read; starting empty');
  }
  return { version: '', units: new Map() };
}

export async function openJournal(options: JournalOptions): Promise<Journal> {
  const journal = new DiskJournal(options);
  await journal.flush();
  return journal;
}

class DiskJournal implements Journal {
  failures = 0;
  private readonly options: JournalOptions;
  private readonly file: string;
  private handle: FileHandle | null = null;
  private queue: Buffer[] = [];
  private queuedBytes = 0;
  private appendedBytes = 0;
  private baseBytes = 0;
  /** The file is behind, or its end is doubtful: the next write is a rewrite. The first one also drops a torn tail. */
  private rewriteDue = true;
  private failedAt = -Infinity;
  private retry: NodeJS.Timeout | null = null;
  private writing: Promise<void> | null = null;

  constructor(options: JournalOptions) {
    this.options = options;
    this.file = path.join(options.dir, fileName);
  }

  append(change: Omit<JournalDelta, 'more'>): void {
    if (!this.rewriteDue) {
      for (const record of encodeChange(change)) {
        this.queue.push(record);
        this.queuedBytes += record.length;
      }
      if (this.queuedBytes > maxQueueBytes) this.dropQueue();
    }
    this.kick();
  }

  async flush(): Promise<void> {
    this.kick();
    while (this.writing !== null) await this.writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    if (this.retry !== null) clearTimeout(this.retry);
    await this.handle?.close();
    this.handle = null;
  }

  private kick(): void {
    if (this.writing !== null || (!this.rewriteDue && this.queue.length === 0)) return;
    if (this.options.now() - this.failedAt < (this.options.retryMs ?? retryAfterMs)) return;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.writing = this.write().finally(() => {
      this.writing = null;
      if (this.queue.length > 0) this.kick();
    });
  }

  private async write(): Promise<void> {
    try {
      const limit = Math.max(this.options.compactBytes ?? defaultCompactBytes, this.baseBytes);
      if (this.rewriteDue || this.appendedBytes > limit) await this.rewrite();
      else await this.writeQueue();
      if (this.failedAt !== -Infinity) this.options.log.info({ file: this.file }, 'units are written to disk again');
      this.failedAt = -Infinity;
    } catch (error) {
      this.failures++;
      this.dropQueue();
      if (this.failedAt === -Infinity) {
        this.options.log.error({ file: this.file, err: error }, 'units cannot be written to disk; serving goes on');
      }
      this.failedAt = this.options.now();
      // Also when no change comes for long: until then a restart would serve what was long ago.
      this.retry = setTimeout(() => this.kick(), 1.01 * (this.options.retryMs ?? retryAfterMs));
      this.retry.unref();
    }
  }

  private async writeQueue(): Promise<void> {
    const batch = Buffer.concat(this.queue);
    this.queue = [];
    this.queuedBytes = 0;
    await this.handle?.appendFile(batch);
    this.appendedBytes += batch.length;
  }

  private async rewrite(): Promise<void> {
    const { version, units } = this.options.state();
    const upserts = [...units];
    // Everything queued so far is in that state; what comes from now on is appended to the new file.
    this.queue = [];
    this.queuedBytes = 0;
    this.rewriteDue = false;
    await this.handle?.close();
    this.handle = null;
    await mkdir(this.options.dir, { recursive: true, mode: 0o700 });
    await chmod(this.options.dir, 0o700);
    const temporary = `${this.file}.new`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'ax', 0o600);
    let bytes: number;
    try {
      await handle.appendFile(journalHeader);
      bytes = journalHeader.length;
      // Record by record, so that a large state holds up nobody.
      for (const record of encodeChange({ version, upserts, removes: [] })) {
        await handle.appendFile(record);
        bytes += record.length;
      }
      await handle.datasync();
      await rename(temporary, this.file);
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    this.handle = handle;
    this.baseBytes = bytes;
    this.appendedBytes = 0;
  }

  private dropQueue(): void {
    this.queue = [];
    this.queuedBytes = 0;
    this.rewriteDue = true;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
