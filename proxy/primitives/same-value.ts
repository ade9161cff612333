// Equality of plain data (what JSON can hold), whatever the order of members. Cheaper than comparing texts or hashes,
// because it stops at the first difference and makes nothing.

export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  const names = Object.keys(a);
  if (Array.isArray(b) || names.length !== Object.keys(b).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(b, name)) return false;
    if (!sameValue((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])) return false;
  }
  return true;
}

/**
 * `after`, with every part that equals its counterpart in `before` taken from there: what did not change is the same
 * object afterwards. Members in another order count as a change, since a reader may see their order. In lists the
 * counterpart has the same place, counted from either end.
 */
export function sharedValue<T>(before: unknown, after: T): T {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return after;
  if (before === after || Array.isArray(before) !== Array.isArray(after)) return after;
  // What is made here has the form of `after`.
  return (Array.isArray(after) ? sharedList(before as unknown[], after) : sharedMapping(before, after)) as T;
}

function sharedList(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  const shift = before.length - after.length;
  const kept = after.map((item, i) => {
    const shared = sharedValue(before[i], item);
    return shift === 0 || shared === before[i] ? shared : sharedValue(before[i + shift], shared);
  });
  if (shift === 0 && kept.every((item, i) => item === before[i])) return before;
  return kept.every((item, i) => item === after[i]) ? after : kept;
}

function sharedMapping(before: object, after: object): object {
  const former = before as Record<string, unknown>;
  const names = Object.keys(before);
  const members = Object.entries(after);
  let same = members.length === names.length;
  let made = false;
  members.forEach((member, i) => {
    const [name, value] = member;
    const counterpart = Object.hasOwn(before, name) ? former[name] : undefined;
    const shared = sharedValue(counterpart, value);
    made ||= shared !== value;
    member[1] = shared;
    same &&= names[i] === name && shared === counterpart;
  });
  if (same) return before;
  return made ? Object.fromEntries(members) : after;
}
