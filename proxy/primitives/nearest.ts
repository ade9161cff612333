// The known name that a person most likely meant. Used only in messages and for the rule that a field which resembles
// a protecting one is refused; it never changes what an object means.

/** The nearest of `known`, or null when none is near enough to be a slip. Case and `-`/`_` count for nothing. */
export function nearest(name: string, known: Iterable<string>): string | null {
  if (name.length > 256) return null;
  const wanted = fold(name);
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const folded = fold(candidate);
    const allowed = Math.max(1, Math.floor(Math.min(wanted.length, folded.length) / 3));
    if (Math.abs(folded.length - wanted.length) > allowed) continue;
    const distance = editDistance(wanted, folded);
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[-_ ]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (last[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (beforeLast[column - 2] as number) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] as number;
}
