// Counters that all data threads of a proxy share, by name: what a rate limit has used, for one. A fixed piece of
// shared memory with a directory of its own, so that a thread finds or makes a counter while it builds a filter,
// without asking main. Counters are never given back; when the arena is full, further ones are per thread, which is
// told and counted. Looked up when a filter is built, never per request.
//
//   words: lock · next free word · entries · lost  |  directory: (hash, hash, offset, slots) × n  |  counters

import { sha256 } from '#proxy/primitives/crypto/digest.ts';

const word = { lock: 0, next: 1, entries: 2, lost: 3, directory: 4 } as const;
const entryWords = 4;
const directoryEntries = 16_384;
const firstCounter = word.directory + directoryEntries * entryWords;
const defaultWords = 2 * 1024 * 1024;
/** A thread that was ended while it held the lock holds it for no longer than this. */
const lockPatienceMs = 1000;

/** Pages that nothing was written to cost no memory. */
export function createArena(words = defaultWords): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(Math.max(words, firstCounter + 1) * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(buffer)[word.next] = firstCounter;
  return buffer;
}

export class SharedArena {
  private readonly words: Int32Array;
  private readonly full: (key: string) => void;

  /** `full` is told of a key that found no room. */
  constructor(buffer: SharedArrayBuffer, full: (key: string) => void) {
    this.words = new Int32Array(buffer);
    this.full = full;
  }

  /** The counters of that key, the same ones in every thread, zero at first. */
  counters(key: string, slots: number): Int32Array {
    this.lock();
    try {
      const offset = this.find(sha256(`${slots} ${key}`), slots);
      if (offset !== 0) return this.words.subarray(offset, offset + slots);
      this.words[word.lost] = (this.words[word.lost] as number) + 1;
    } finally {
      Atomics.store(this.words, word.lock, 0);
      Atomics.notify(this.words, word.lock, 1);
    }
    this.full(key);
    return new Int32Array(slots);
  }

  /** How many keys found no room. */
  get lost(): number {
    return Atomics.load(this.words, word.lost);
  }

  /** Offset of the key's counters, 0 when there is no room for them. */
  private find(digest: Buffer, slots: number): number {
    const { words } = this;
    const first = digest.readInt32LE(0);
    const second = digest.readInt32LE(4);
    let at = digest.readUInt32LE(8) % directoryEntries;
    // At most three quarters of the directory are taken, so there is an empty place.
    for (;;) {
      const entry = word.directory + at * entryWords;
      const offset = words[entry + 2] as number;
      if (offset === 0) return this.make(entry, first, second, slots);
      if (words[entry] === first && words[entry + 1] === second) return offset;
      at = (at + 1) % directoryEntries;
    }
  }

  private make(entry: number, first: number, second: number, slots: number): number {
    const { words } = this;
    const offset = words[word.next] as number;
    const entries = words[word.entries] as number;
    if (entries >= (directoryEntries / 4) * 3 || offset + slots > words.length) return 0;
    words[word.next] = offset + slots;
    words[word.entries] = entries + 1;
    words[entry] = first;
    words[entry + 1] = second;
    words[entry + 2] = offset;
    words[entry + 3] = slots;
    return offset;
  }

  private lock(): void {
    const deadline = performance.now() + lockPatienceMs;
    while (Atomics.compareExchange(this.words, word.lock, 0, 1) !== 0) {
      Atomics.wait(this.words, word.lock, 1, 1);
      if (performance.now() > deadline) return;
    }
  }
}
