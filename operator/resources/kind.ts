// What every kind of object says about itself: names, schema, columns. The list of kinds is index.ts.

import type { z } from 'zod';

export interface ResourceKind {
  readonly kind: string;
  /** `` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  /** Whether RawObject.spec holds the fields below `spec`, or the whole object without metadata. */
  readonly body: 'spec' | 'whole';
  readonly description: string;
  readonly schema: z.ZodObject;
  readonly columns: readonly {
    readonly name: string;
    readonly type: 'string' | 'integer' | 'date';
    readonly jsonPath: string;
  }[];
}
