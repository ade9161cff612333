// One proxy's session: the operator's half of the conversation in contract/messages.ts, whatever carries it.
//
//   hello ─▶ (table) ─▶ open ─▶ closed          change begun ─▶ ack within 10 s, else quarantined until the next ack
//
// It knows no sockets, no other sessions and not what a token means. What it sends about the view is outgoing.ts's
// part. sessions.ts makes it; server.ts and the process that holds both halves feed it.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { protocolVersion, type Rejection, type ToOperator, type ToProxy } from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import type { Clock } from './clock.ts';
import { emptyDigest } from './history.ts';
import { Outgoing } from './outgoing.ts';
import { Rejections } from './rejections.ts';
import { Reports } from './reports.ts';
import type { VerifiedIdentity } from './verifier.ts';
import type { View } from './view.ts';

export interface Outlet {
  /** Returns false when the session should wait for writable(). */
  send(message: ToProxy): boolean;
  /** Ends the connection once everything sent has left. */
  close(): void;
}

/** Bounds in milliseconds, with the product's values; tests take others. */
export const sessionTimes = {
  /** For hello, and for a table that was asked for. */
  answer: 10_000,
  ack: 10_000,
  lifetime: 30 * 60_000,
};
export type SessionTimes = typeof sessionTimes;

export interface SessionKit {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly times: SessionTimes;
  readonly build: string;
  /** Verifies a token that came in-stream. */
  readonly renew: (token: string) => Promise<VerifiedIdentity | null>;
  /** Units about which the proxy said something new; `all` when the session joined, left or counts differently. */
  readonly changed: (units: readonly string[] | 'all') => void;
}

export interface SessionSeat {
  readonly id: string;
  readonly identity: VerifiedIdentity;
  readonly view: View;
  readonly outlet: Outlet;
}

export type SessionPhase = 'hello' | 'table' | 'open' | 'closed';

const maxTableEntries = 1_000_000;

export class Session {
  readonly id: string;
  readonly identity: VerifiedIdentity;
  readonly view: View;
  readonly reports = new Reports();
  readonly counts = { acks: 0, nacks: 0, tables: 0, quarantines: 0 };
  phase: SessionPhase = 'hello';
  /** What the proxy calls itself, and its build; only for logs and pages. */
  proxy = '';
  build = '';
  quarantined = false;

  private readonly outlet: Outlet;
  private readonly kit: SessionKit;
  private readonly timers = new Map<'answer' | 'ack' | 'lifetime' | 'token', () => void>();
  private readonly rejections = new Rejections();
  private readonly outgoing: Outgoing;
  /** Version that the proxy said it has. */
  private told = '';
  private table = new Map<string, string>();
  private nacksInRow = 0;
  /** After repeated nacks nothing is sent until the view is at another step than this. */
  private stalledAt = -1;
  private renewing = false;

  constructor(seat: SessionSeat, kit: SessionKit) {
    this.id = seat.id;
    this.identity = seat.identity;
    this.view = seat.view;
    this.outlet = seat.outlet;
    this.kit = kit;
    this.outgoing = new Outgoing({
      view: seat.view,
      rejections: this.rejections,
      send: (message) => seat.outlet.send(message),
      askTable: () => this.askTable(),
      begun: () => this.timer('ack', kit.times.ack, () => this.quarantine()),
    });
    this.timer('answer', kit.times.answer, () => this.end('no hello'));
    // ± 20 %, so that the sessions of a restarted replica do not all come back at once.
    this.timer('lifetime', kit.times.lifetime * (0.8 + 0.4 * kit.random()), () => this.end('session lifetime'));
    this.expire(seat.identity);
  }

  /** Version of the view that the proxy has acknowledged, `` = none yet. */
  get version(): string {
    return this.outgoing.ackedVersion;
  }

  get sent(): { readonly changes: number; readonly live: number } {
    return this.outgoing.counts;
  }

  /** Hash of the unit as it is in the view, when the proxy has acknowledged it; it may still have refused it. */
  applied(unit: string): string | undefined {
    const since = this.view.since(unit);
    return since !== -1 && since <= this.outgoing.ackedSeq ? this.view.unit(unit)?.hash : undefined;
  }

  /** Unit → why the proxy, or the wire, refused it. */
  get rejected(): ReadonlyMap<string, readonly Diagnostic[]> {
    return this.rejections.all;
  }

  receive(message: ToOperator): void {
    if (this.phase === 'closed') return;
    switch (message.type) {
      case 'hello':
        return this.hello(message);
      case 'table':
        return this.takeTable(message.entries, message.done);
      case 'ack':
        return this.ack(message.version, message.rejected);
      case 'nack':
        return this.nack(message.reason);
      case 'report':
        return this.reports.take(message.topic, message.payload);
      case 'token':
        void this.renew(message.token);
        return;
      default:
        return message satisfies never;
    }
  }

  /** The outlet takes messages again. */
  writable(): void {
    this.outgoing.writable();
  }

  /** The view has changed. */
  poke(): void {
    if (this.stalledAt !== -1 && this.stalledAt !== this.view.seq && this.phase === 'open') this.askTable();
    this.outgoing.pump();
  }

  /** Says goodbye and closes. */
  end(reason: string): void {
    if (this.phase === 'closed') return;
    this.kit.log.info({ session: this.id, proxy: this.proxy, reason }, 'session ended');
    this.outlet.send({ type: 'goodbye', reason: reason.slice(0, 512) });
    this.closed();
    this.outlet.close();
  }

  /** The connection is gone. */
  closed(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    for (const cancel of this.timers.values()) cancel();
    this.timers.clear();
    this.outgoing.stop();
    this.table.clear();
    this.kit.changed('all');
  }

  private hello(hello: Extract<ToOperator, { type: 'hello' }>): void {
    if (this.phase !== 'hello') return this.end('a second hello');
    this.proxy = hello.proxy.slice(0, 253);
    this.build = hello.build.slice(0, 128);
    const { major, minor } = hello.protocol;
    if (major !== protocolVersion.major) {
      const ours = `${protocolVersion.major}.${protocolVersion.minor}`;
      return this.end(
        `protocol ${major}.${minor} is not spoken here: this operator (build ${this.kit.build}) speaks ${ours}; ` +
          'upgrade whichever of the two is older',
      );
    }
    this.timer('answer', 0, null);
    this.outlet.send({ type: 'welcome', protocol: protocolVersion, build: this.kit.build, session: this.id });
    this.told = hello.version;
    const step = this.view.stepOf(hello.digest);
    const known = hello.digest === emptyDigest || step !== null;
    this.kit.log.info({ session: this.id, proxy: this.proxy, known }, 'session opened');
    if (hello.digest === emptyDigest) this.open(() => this.outgoing.startFrom(new Map(), this.told));
    else if (step !== null) this.open(() => this.outgoing.startAt(step, this.told));
    else this.askTable();
  }

  private askTable(): void {
    this.phase = 'table';
    this.stalledAt = -1;
    this.table = new Map();
    this.counts.tables++;
    this.timer('ack', 0, null);
    this.timer('answer', this.kit.times.answer, () => this.end('no table'));
    this.outlet.send({ type: 'needTable' });
  }

  private takeTable(entries: Readonly<Record<string, string>>, done: boolean): void {
    if (this.phase !== 'table') return this.end('a table that was not asked for');
    for (const [name, hash] of Object.entries(entries)) this.table.set(name, hash);
    if (this.table.size > maxTableEntries) return this.end('table too large');
    if (!done) return;
    this.timer('answer', 0, null);
    const table = this.table;
    this.table = new Map();
    this.open(() => this.outgoing.startFrom(table, this.told));
  }

  private open(start: () => void): void {
    this.phase = 'open';
    this.kit.changed('all');
    start();
  }

  private ack(version: string, rejected: readonly Rejection[]): void {
    const expected = this.outgoing.expects(version);
    if (expected === 'nothing') return;
    this.counts.acks++;
    const counts = this.quarantined || this.outgoing.ackedSeq === -1;
    const units = this.rejections.replace(rejected);
    if (expected === 'change') {
      units.push(...this.outgoing.acked());
      this.told = version;
      this.nacksInRow = 0;
      this.timer('ack', 0, null);
    }
    this.quarantined = false;
    this.kit.changed(counts ? 'all' : units);
    this.outgoing.pump();
  }

  private nack(reason: string): void {
    this.counts.nacks++;
    this.nacksInRow++;
    const fields = { session: this.id, proxy: this.proxy, reason: reason.slice(0, 512) };
    this.kit.log.warn(fields, 'proxy could not read a change');
    if (this.phase !== 'open') return;
    this.outgoing.stop();
    this.timer('ack', 0, null);
    // The first time the table may have been wrong; a second time the bytes themselves do not suit this proxy.
    if (this.nacksInRow < 2) return this.askTable();
    this.stalledAt = this.view.seq;
    this.quarantine();
  }

  private async renew(token: string): Promise<void> {
    if (this.renewing) return;
    this.renewing = true;
    try {
      const identity = await this.kit.renew(token);
      if (identity === null) return this.end('token refused');
      const same = identity.name === this.identity.name && sameItems(identity.audiences, this.identity.audiences);
      if (!same) return this.end('the new token is of another identity');
      if (this.phase !== 'closed') this.expire(identity);
    } catch (error) {
      // Could not find out: what holds now holds until it expires.
      this.kit.log.warn({ session: this.id, err: error }, 'token could not be verified');
    } finally {
      this.renewing = false;
    }
  }

  private quarantine(): void {
    if (this.quarantined) return;
    this.quarantined = true;
    this.counts.quarantines++;
    this.kit.log.warn({ session: this.id, proxy: this.proxy }, 'proxy does not acknowledge');
    this.kit.changed('all');
  }

  private expire(identity: VerifiedIdentity): void {
    const { validForMs } = identity;
    this.timer('token', validForMs ?? 0, validForMs === null ? null : () => this.end('token expired'));
  }

  /** Replaces the timer of that name; null only cancels it. */
  private timer(name: 'answer' | 'ack' | 'lifetime' | 'token', ms: number, run: (() => void) | null): void {
    this.timers.get(name)?.();
    this.timers.delete(name);
    if (run !== null) this.timers.set(name, this.kit.clock.timer(ms, run));
  }
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return new Set([...a, ...b]).size === new Set(a).size && new Set(a).size === new Set(b).size;
}
