/** A unit that cannot be built from its content. The runtime turns it into a rejection of that unit. */
export class RouterBuildError extends Error {
  readonly unit: string;
  /** Field inside the unit's content: `paths[2].pathRegexp`. */
  readonly path: string;

  constructor(unit: string, path: string, message: string) {
    super(message);
    this.name = 'RouterBuildError';
    this.unit = unit;
    this.path = path;
  }
}

/** Runs `build`; whatever it throws because of its input becomes a RouterBuildError at `path`. */
export function buildAt<R>(unit: string, path: string, build: () => R): R {
  try {
    return build();
  } catch (error) {
    if (error instanceof RouterBuildError || !(error instanceof Error)) throw error;
    throw new RouterBuildError(unit, path, error.message);
  }
}
