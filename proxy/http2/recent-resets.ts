// Streams that we have reset while the peer was still sending: what is on its way for them is no fault of the peer
// (RFC 9113 5.1, closed). Only so many are remembered.

const maxRemembered = 1024;

export class RecentResets {
  private ids: Set<number> | null = null;

  add(id: number): void {
    this.ids ??= new Set();
    const { ids } = this;
    ids.add(id);
    if (ids.size <= maxRemembered) return;
    for (const oldest of ids) {
      ids.delete(oldest);
      return;
    }
  }

  has(id: number): boolean {
    return this.ids !== null && this.ids.has(id);
  }
}
