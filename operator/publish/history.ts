// The last steps of a view, as names only: enough to work out what a proxy lacks that stands at one of them. Bounded
// by steps and by names; what is older is forgotten, and a proxy that far behind is asked for its table instead.

export interface Changed {
  readonly versioned: ReadonlySet<string>;
  readonly live: ReadonlySet<string>;
}

interface Step {
  readonly versioned: readonly string[];
  readonly live: readonly string[];
  /** Digest of the view after the step. */
  readonly digest: string;
}

const maxSteps = 2048;
const maxNames = 50_000;
/** ViewVersion of no units at all. */
export const emptyDigest = '0-0';

export class History {
  /** The step that was added last; 0 is the empty view. */
  last = 0;
  private readonly steps: Step[] = [];
  private names = 0;
  private readonly seqs = new Map<string, number>([[emptyDigest, 0]]);
  /** Digest before the first step that is remembered. */
  private baseDigest = emptyDigest;

  add(step: Step): void {
    this.steps.push(step);
    this.last++;
    this.names += size(step);
    this.seqs.set(step.digest, this.last);
    while (this.steps.length > maxSteps || this.names > maxNames) this.forgetFirst();
  }

  /** Null when the steps after `seq` are not all remembered. */
  after(seq: number): Changed | null {
    const skip = seq - (this.last - this.steps.length);
    if (skip < 0) return null;
    const versioned = new Set<string>();
    const live = new Set<string>();
    for (let i = skip; i < this.steps.length; i++) {
      const step = this.steps[i] as Step;
      for (const name of step.versioned) versioned.add(name);
      for (const name of step.live) live.add(name);
    }
    return { versioned, live };
  }

  stepOf(digest: string): number | null {
    return this.seqs.get(digest) ?? null;
  }

  private forgetFirst(): void {
    const first = this.steps.shift();
    if (first === undefined) return;
    this.names -= size(first);
    const seq = this.last - this.steps.length;
    // The same content may have come back at a later step: that one is still good.
    if (this.seqs.get(this.baseDigest) === seq - 1) this.seqs.delete(this.baseDigest);
    this.baseDigest = first.digest;
  }
}

function size(step: Step): number {
  return step.versioned.length + step.live.length;
}
