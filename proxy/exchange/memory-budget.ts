// What a data thread keeps in memory for others, and how much that may be: partial heads, bytes that a client does not
// take, bodies that are read whole. Listeners add their connections up at every sweep, so that a request costs one
// comparison; whole bodies are counted as they grow. Whoever takes on new work asks overBudget() first.

/** One per thread. */
export const memoryBudget = {
  /** Bytes; Infinity = no bound. */
  limit: Number.POSITIVE_INFINITY,
  /** As the last sweep found it. */
  connections: 0,
  bodies: 0,
};

export function overBudget(): boolean {
  return memoryBudget.connections + memoryBudget.bodies > memoryBudget.limit;
}

/** A body that is being read whole. */
export class HeldBytes {
  bytes = 0;

  add(bytes: number): void {
    this.bytes += bytes;
    memoryBudget.bodies += bytes;
  }

  release(): void {
    memoryBudget.bodies -= this.bytes;
    this.bytes = 0;
    forgotten.unregister(this);
  }
}

/** A reader whose body was cancelled hears no more of it: its bytes count until they are really gone. */
const forgotten = new FinalizationRegistry((held: HeldBytes) => held.release());

/** Counts for as long as `owner` lives, or until it is released. */
export function holdBytes(owner: object): HeldBytes {
  const held = new HeldBytes();
  forgotten.register(owner, held, held);
  return held;
}
