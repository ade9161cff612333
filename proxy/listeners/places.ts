// The places of one port, in memory that all data threads share. The limit is about all threads together, so that sum
// has a word of its own; beside it each thread counts what is its own, so that its places come back when it dies.
//
//   word 0: open in all threads     then for each thread: open · waiting · turned away

const perThread = 3;
const own = { open: 0, waiting: 1, turnedAway: 2 } as const;

/** Sums over all threads. */
export interface PlaceCounts {
  readonly open: number;
  readonly waiting: number;
  readonly turnedAway: number;
}

export function createPlaces(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((1 + threads * perThread) * Int32Array.BYTES_PER_ELEMENT);
}

/** One thread's hand on them. */
export class Places {
  private readonly words: Int32Array;
  private readonly first: number;

  constructor(buffer: SharedArrayBuffer, thread: number) {
    this.words = new Int32Array(buffer);
    this.first = 1 + thread * perThread;
  }

  /** False when `limit` places are taken. */
  take(limit: number): boolean {
    if (Atomics.add(this.words, 0, 1) >= limit) {
      Atomics.sub(this.words, 0, 1);
      return false;
    }
    this.add(own.open, 1);
    return true;
  }

  leave(): void {
    Atomics.sub(this.words, 0, 1);
    this.add(own.open, -1);
  }

  /** One more or one less waits for a place. */
  wait(change: 1 | -1): void {
    this.add(own.waiting, change);
  }

  turnAway(): void {
    this.add(own.turnedAway, 1);
  }

  private add(word: number, change: number): void {
    Atomics.add(this.words, this.first + word, change);
  }
}

/** The thread is dead, and its connections with it; what it turned away stays counted. */
export function forgetPlaces(buffer: SharedArrayBuffer, thread: number): void {
  const words = new Int32Array(buffer);
  const first = 1 + thread * perThread;
  Atomics.sub(words, 0, Atomics.exchange(words, first + own.open, 0));
  Atomics.store(words, first + own.waiting, 0);
}

export function countPlaces(buffer: SharedArrayBuffer): PlaceCounts {
  const words = new Int32Array(buffer);
  let waiting = 0;
  let turnedAway = 0;
  for (let first = 1; first < words.length; first += perThread) {
    waiting += Atomics.load(words, first + own.waiting);
    // Never falls by growing over the sign.
    turnedAway += Atomics.load(words, first + own.turnedAway) >>> 0;
  }
  return { open: Atomics.load(words, 0), waiting, turnedAway };
}
