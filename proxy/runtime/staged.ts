// Something built beside what runs. Exactly one of the two is called.

export interface Staged {
  /** Puts it in the place of what ran. Must not throw. */
  commit(): void;
  /** It never ran: frees what it holds. */
  discard(): void;
}
