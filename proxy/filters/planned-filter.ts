// A filter kind that is known but not built: its fields are listed so that it can be documented and recognised, and a
// pipeline that uses it is refused, because without it the pipeline would do something else than meant.

import type { z } from 'zod';
import { defineFilterSchema, type FilterSchema } from './filter-schema.ts';

interface Planned<S extends z.ZodObject> {
  readonly kind: string;
  readonly description: string;
  readonly results: readonly string[];
  readonly spec: S;
}

export function plannedFilter<S extends z.ZodObject>(planned: Planned<S>): FilterSchema<S> {
  return defineFilterSchema({ ...planned, status: 'planned', untrusted: 'yes', since: '', inactive: [] });
}
