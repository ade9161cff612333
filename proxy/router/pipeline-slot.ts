// The stable handle by which a path reaches its pipeline: the runtime swaps `current` when the pipeline's unit
// changes, and no rule that refers to it is built again.

export interface PipelineSlot<T = unknown> {
  /** Name of the pipeline's unit. */
  readonly name: string;
  /** null = there is no build of it: paths that lead here answer 503. */
  current: T | null;
}
