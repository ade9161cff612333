// The header list of a message: two parallel arrays, in the order and spelling in which the fields arrived.
// No map is built unless someone asks; look-ups compare lower-case names (RFC 9110 5.1) and are linear, which
// for the 5 to 20 fields of a real message is quicker than any map. Duplicates are kept (RFC 9110 5.3).

export class HeaderList {
  /** Field names as received. Parallel to `values`. */
  readonly names: string[];
  /** Field values, without surrounding white space, one character per byte (latin1). */
  readonly values: string[];

  constructor(names: string[] = [], values: string[] = []) {
    this.names = names;
    this.values = values;
  }

  static of(...pairs: readonly (readonly [name: string, value: string])[]): HeaderList {
    const list = new HeaderList();
    for (const [name, value] of pairs) list.append(name, value);
    return list;
  }

  get length(): number {
    return this.names.length;
  }

  /** Index of the first field called `lower` (lower case) at or after `from`, or -1. */
  indexOf(lower: string, from = 0): number {
    const names = this.names;
    for (let i = from; i < names.length; i++) {
      if (sameName(names[i] as string, lower)) return i;
    }
    return -1;
  }

  has(lower: string): boolean {
    return this.indexOf(lower) !== -1;
  }

  /** Value of the first field called `lower`, or undefined. */
  get(lower: string): string | undefined {
    const i = this.indexOf(lower);
    return i === -1 ? undefined : this.values[i];
  }

  /** All values of fields called `lower`, in order. */
  getAll(lower: string): string[] {
    const found: string[] = [];
    for (let i = this.indexOf(lower); i !== -1; i = this.indexOf(lower, i + 1)) found.push(this.values[i] as string);
    return found;
  }

  append(name: string, value: string): void {
    this.names.push(name);
    this.values.push(value);
  }

  /** Replaces all fields of that name by one, at the place of the first. */
  set(name: string, value: string): void {
    const lower = name.toLowerCase();
    const first = this.indexOf(lower);
    if (first === -1) {
      this.append(name, value);
      return;
    }
    this.values[first] = value;
    this.removeFrom(lower, first + 1);
  }

  delete(lower: string): void {
    const first = this.indexOf(lower);
    if (first !== -1) this.removeFrom(lower, first);
  }

  clone(): HeaderList {
    return new HeaderList(this.names.slice(), this.values.slice());
  }

  private removeFrom(lower: string, start: number): void {
    const { names, values } = this;
    let to = start;
    for (let from = start; from < names.length; from++) {
      if (sameName(names[from] as string, lower)) continue;
      names[to] = names[from] as string;
      values[to] = values[from] as string;
      to++;
    }
    names.length = to;
    values.length = to;
  }
}

/** True when `name`, in any case, is the lower-case name `lower`. */
export function sameName(name: string, lower: string): boolean {
  return name.length === lower.length && (name === lower || name.toLowerCase() === lower);
}
