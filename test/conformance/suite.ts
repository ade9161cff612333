// What a suite of `npm run test:conformance` is. One that cannot be installed throws, and has failed.

export interface SuiteSetting {
  /** Of everything that is drawn. */
  readonly seed: number;
  /** One part of the suite only, by its own names. */
  readonly only: string | undefined;
}

export interface SuiteResult {
  readonly passed: number;
  readonly of: number;
  /** How many must pass in the end. Falling short is told; it fails the run only when `failures` says so. */
  readonly bar: number;
  /** What fails the run, one line each. */
  readonly failures: readonly string[];
}

export interface Suite {
  readonly name: string;
  run(setting: SuiteSetting): Promise<SuiteResult>;
}
