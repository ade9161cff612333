// What strangers at the push port cause in the log: one line for an address and minute, however often it tries. How
// many tries a line stands for is in the next one. Addresses are bounded; beyond that nothing is written for a new one
// until another's minute is over, and the counters tell.

import type { Log } from '#proxy/process/log.ts';

const minuteMs = 60_000;

interface Complaint {
  at: number;
  /** Tries since that were not told. */
  untold: number;
}

export class Complaints {
  private readonly log: Log;
  private readonly now: () => number;
  private readonly most: number;
  /** By address, the one whose last line is oldest first. */
  private readonly complaints = new Map<string, Complaint>();

  /** `now`: monotonic milliseconds. */
  constructor(log: Log, now: () => number, most = 1024) {
    this.log = log;
    this.now = now;
    this.most = most;
  }

  warn(address: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const now = this.now();
    const known = this.complaints.get(address);
    if (known !== undefined && now - known.at < minuteMs) {
      known.untold++;
      return;
    }
    this.forget(now);
    if (known === undefined && this.complaints.size >= this.most) return;
    this.complaints.delete(address);
    this.complaints.set(address, { at: now, untold: 0 });
    this.log.warn({ address, ...fields, ...(known === undefined ? {} : { untold: known.untold }) }, message);
  }

  /** Makes room: what is older than a minute holds nothing back any more. */
  private forget(now: number): void {
    if (this.complaints.size < this.most) return;
    for (const [address, { at }] of this.complaints) {
      if (now - at < minuteMs) return;
      this.complaints.delete(address);
    }
  }
}
