// Memory that bodies are read into. Allocating 64 KiB per read makes V8 collect its whole heap all the time (measured:
// half of the CPU of a 64 KiB answer), so that pieces are used again when their last receiver gives them back
// (Body.recycle). A piece that nobody gives back is simply collected.

/** Bytes of one read: a body of 64 KiB and its head arrive together. */
export const readBytes = 68 * 1024;

/** At most so many pieces wait for use, 4.25 MiB per thread. */
const maxFree = 64;

const free: Slab[] = [];

export class Slab {
  readonly memory: Buffer = Buffer.allocUnsafeSlow(readBytes);
  /** Chunks that are lent out. */
  lent = 0;
  /** Being read into, or part of it is held for later. */
  busy = false;
}

export function takeSlab(): Slab {
  const slab = free.pop() ?? new Slab();
  slab.lent = 0;
  slab.busy = true;
  return slab;
}

/** Nothing refers to its memory any more. */
export function freeSlab(slab: Slab): void {
  if (free.length < maxFree) free.push(slab);
}
