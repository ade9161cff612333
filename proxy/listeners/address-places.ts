// How many connections each client address has on one data thread. There is an entry only for addresses that have a
// connection, so that the table is as bounded as connections are.

export class AddressPlaces {
  private readonly max: number;
  private readonly open = new Map<string, number>();

  /** 0 = any number. */
  constructor(max: number) {
    this.max = max;
  }

  get limited(): boolean {
    return this.max > 0;
  }

  /** Addresses that have a connection. */
  get size(): number {
    return this.open.size;
  }

  take(address: string): boolean {
    const count = this.open.get(address) ?? 0;
    if (count >= this.max) return false;
    this.open.set(address, count + 1);
    return true;
  }

  leave(address: string): void {
    const count = this.open.get(address) ?? 0;
    if (count > 1) this.open.set(address, count - 1);
    else this.open.delete(address);
  }
}
