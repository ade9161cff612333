// What ran for one request: per pipeline its nodes in order, with result and duration. Made while the flow runs,
// read once by the access log; it costs one object per pipeline and one per node.

export interface TraceStep {
  /** The node's name: its alias, or else the filter's name. */
  readonly node: string;
  readonly result: string;
  readonly durationMs: number;
}

export interface PipelineTrace {
  /** Title of the pipeline. */
  readonly pipeline: string;
  readonly steps: TraceStep[];
}
