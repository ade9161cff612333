// Header and query conditions of a path. Easegress's meaning, kept: only the first value counts, a missing one is the
// empty string; with match-all every entry must hold, and in each both `values` and `regexp` when both are stated;
// without, one entry is enough, even across different headers.

import { type Regexp, compile } from '#proxy/primitives/regexp.ts';
import type { HeaderList } from '#proxy/exchange/headers.ts';
import type { PathContent } from '#proxy/contract/units.ts';
import { buildAt } from './build-error.ts';
import { headerText, queryValue } from './request-path.ts';

interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  readonly regexp: Regexp | null;
}

export interface Conditions {
  readonly all: boolean;
  readonly entries: readonly Condition[];
}

/** null when there is nothing to check. */
export function compileConditions(
  unit: string,
  path: string,
  content: PathContent['headers'],
  all: boolean,
): Conditions | null {
  if (content.length === 0) return null;
  const entries = content.map(({ key, values, regexp }, i) => ({
    key,
    values,
    regexp: regexp === '' ? null : buildAt(unit, `${path}[${i}].regexp`, () => compile(regexp)),
  }));
  return { all, entries };
}

/** Keys of `conditions` are lower case. */
export function headersHold(conditions: Conditions, headers: HeaderList): boolean {
  const { all, entries } = conditions;
  for (const entry of entries) {
    if (holds(entry, all, headerText(headers.get(entry.key) ?? '')) !== all) return !all;
  }
  return all;
}

export function queriesHold(conditions: Conditions, target: string): boolean {
  const { all, entries } = conditions;
  for (const entry of entries) {
    if (holds(entry, all, queryValue(target, entry.key)) !== all) return !all;
  }
  return all;
}

function holds(condition: Condition, all: boolean, value: string): boolean {
  const { values, regexp } = condition;
  if (!all) return values.includes(value) || (regexp !== null && regexp.test(value));
  return (values.length === 0 || values.includes(value)) && (regexp === null || regexp.test(value));
}
