// What a filter kind says about itself without running: fields, declared results, which part of its spec are pools
// of upstream servers, what protects and what is not built yet. The operator sees only this. Shared code asks these
// properties and never for a kind by name.

import type { z } from 'zod';

export interface PoolUse {
  /** Where the pool stands inside the spec, as `pools[0]`. */
  readonly path: string;
  /** `main`, `candidate#0`: part of the upstream's title. */
  readonly role: string;
  readonly pool: Readonly<Record<string, unknown>>;
}

/** A field whose machinery is not built. A protecting one makes the object refused instead of served without it. */
export interface InactiveField {
  /** Dotted, `[]` for any item: `pools[].healthCheck`. */
  readonly path: string;
  readonly protects: boolean;
}

export interface FilterSchema<S extends z.ZodObject = z.ZodObject> {
  readonly kind: string;
  readonly description: string;
  /** Its own fields, without `name` and `kind`. */
  readonly spec: S;
  /** The only legal `jumpIf` keys beside ``. */
  readonly results: readonly string[];
  /** `planned`: known, but refused because nothing runs it. */
  readonly status: 'stable' | 'beta' | 'alpha' | 'planned';
  /** Whether it may face bytes of an untrusted client. */
  readonly untrusted: 'yes' | 'no';
  readonly since: string;
  readonly inactive: readonly InactiveField[];
  /** Finds the pools of a valid spec; compile turns each into an upstream unit and empties its place. */
  readonly pools?: (spec: z.infer<S>) => PoolUse[];
  /** Findings that the field types cannot express. Without a code it is InvalidField. */
  readonly check?: (spec: z.infer<S>) => [path: string, message: string, code?: 'InvalidPool'][];
}

export function defineFilterSchema<S extends z.ZodObject>(schema: FilterSchema<S>): FilterSchema<S> {
  return schema;
}
