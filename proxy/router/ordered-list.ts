// Short lists kept in order, most of which have one entry. Such a list is that entry itself, without a list around it:
// among 10,000 hosts or paths a look-up costs as much as the places in memory that it touches.

export class OrderedList<V> {
  readonly values: V[];

  constructor(values: V[]) {
    this.values = values;
  }
}

/** One value, or several in order. */
export type Listed<V extends object> = V | OrderedList<V>;

export type Compare<V> = (a: V, b: V) => number;

export function firstOf<V extends object>(list: Listed<V>): V {
  return list instanceof OrderedList ? (list.values[0] as V) : list;
}

/** The list with `value` in it. Equal values keep the order in which they came. */
export function withValue<V extends object>(
  list: Listed<V> | null | undefined,
  value: V,
  compare: Compare<V>,
): Listed<V> {
  if (list === null || list === undefined) return value;
  if (!(list instanceof OrderedList)) return new OrderedList(compare(value, list) < 0 ? [value, list] : [list, value]);
  const { values } = list;
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(values[middle] as V, value) <= 0) low = middle + 1;
    else high = middle;
  }
  values.splice(low, 0, value);
  return list;
}

/** The list without `value`; null when nothing is left. */
export function withoutValue<V extends object>(list: Listed<V>, value: V): Listed<V> | null {
  if (!(list instanceof OrderedList)) return list === value ? null : list;
  const i = list.values.indexOf(value);
  if (i !== -1) list.values.splice(i, 1);
  return list.values.length === 1 ? (list.values[0] as V) : list;
}

export function addAt<V extends object>(map: Map<string, Listed<V>>, key: string, value: V, compare: Compare<V>): void {
  map.set(key, withValue(map.get(key), value, compare));
}

export function removeAt<V extends object>(map: Map<string, Listed<V>>, key: string, value: V): void {
  const list = map.get(key);
  if (list === undefined) return;
  const left = withoutValue(list, value);
  if (left === null) map.delete(key);
  else map.set(key, left);
}
