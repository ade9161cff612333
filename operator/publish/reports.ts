// What a proxy reports beside its acks: the newest payload of each topic. Lossy by design and never an input of
// compile; what is too large, or one topic too many, is dropped and counted.

import { maxReportBytes } from '#proxy/contract/messages.ts';

const maxTopics = 32;

export class Reports {
  taken = 0;
  dropped = 0;
  private readonly newest = new Map<string, unknown>();

  take(topic: string, payload: unknown): void {
    const size = Buffer.byteLength(JSON.stringify(payload) ?? '');
    if (size > maxReportBytes || (this.newest.size >= maxTopics && !this.newest.has(topic))) {
      this.dropped++;
      return;
    }
    this.taken++;
    this.newest.set(topic, payload);
  }

  get(topic: string): unknown {
    return this.newest.get(topic);
  }

  topics(): readonly string[] {
    return [...this.newest.keys()];
  }
}
