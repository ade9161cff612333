// Members in a fixed order, so that "the first" costs nothing and does not depend on who came first. Used where
// several objects claim one thing: a port, a host, the endpoints of a Service.

export class Group<T> {
  private readonly keys: string[] = [];
  private readonly values = new Map<string, T>();

  get size(): number {
    return this.keys.length;
  }

  set(key: string, value: T): void {
    if (!this.values.has(key)) this.keys.splice(this.position(key), 0, key);
    this.values.set(key, value);
  }

  delete(key: string): void {
    if (this.values.delete(key)) this.keys.splice(this.position(key), 1);
  }

  first(): { readonly key: string; readonly value: T } | undefined {
    const key = this.keys[0];
    return key === undefined ? undefined : { key, value: this.values.get(key) as T };
  }

  *entries(): Generator<[key: string, value: T]> {
    for (const key of this.keys) yield [key, this.values.get(key) as T];
  }

  /** Index of the first key that is not smaller. */
  private position(key: string): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
