// What a session sends about its view: where the proxy stands, the one change that is under way, and the messages of
// it that have not left yet. Nothing is queued: messages are made when the outlet takes them, from units that are only
// held by reference.
//
// What comes next is decided in next-step.ts; this file carries it out. session.ts feeds it with acks and time.

import type { ToProxy } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import type { Changed } from './history.ts';
import { nextStep, type NextStep } from './next-step.ts';
import type { Rejections } from './rejections.ts';
import { changeMessages, liveMessages, maxUnitBytes, unitBytes } from './split.ts';
import type { View } from './view.ts';

export interface OutgoingKit {
  readonly view: View;
  readonly rejections: Rejections;
  /** Returns false when it takes no more until writable(). */
  readonly send: (message: ToProxy) => boolean;
  /** The history does not reach back to where the proxy stands. */
  readonly askTable: () => void;
  /** A change was begun, its ack is awaited. */
  readonly begun: () => void;
}

interface Changing {
  readonly version: string;
  readonly seq: number;
  readonly names: ReadonlySet<string>;
}

const nothing: Changed = { versioned: new Set(), live: new Set() };

export class Outgoing {
  readonly counts = { changes: 0, live: 0 };
  /** The step and version that were acknowledged last; -1 and `` before. */
  ackedSeq = -1;
  ackedVersion = '';
  private readonly kit: OutgoingKit;
  private open = false;
  private full = false;
  private versionedSeq = 0;
  private liveSeq = 0;
  private owed: Changed = nothing;
  private readonly gone = new Set<string>();
  private changing: Changing | null = null;
  private changeOut: Generator<ToProxy, void, void> | null = null;
  private liveOut: Generator<ToProxy, void, void> | null = null;
  private liveMessage = 0;
  private base = '';

  constructor(kit: OutgoingKit) {
    this.kit = kit;
  }

  /** The proxy has what the view was after that step. */
  startAt(step: number, version: string): void {
    this.start(nothing, step, version);
  }

  /** The proxy has this table. */
  startFrom(table: ReadonlyMap<string, string>, version: string): void {
    this.start(this.kit.view.differs(table), this.kit.view.seq, version);
  }

  /** Sends nothing until the next start. Forgets a change under way. */
  stop(): void {
    this.open = false;
    this.changing = null;
    this.changeOut = null;
    this.liveOut = null;
  }

  /** Whether an ack of that version can be meant: of the change under way, or of the one before when none is. */
  expects(version: string): 'change' | 'same' | 'nothing' {
    if (this.changing === null) return version === this.ackedVersion && this.ackedSeq !== -1 ? 'same' : 'nothing';
    return this.changing.version === version && this.changeOut === null ? 'change' : 'nothing';
  }

  /** The change under way was applied. Returns the names it was about. */
  acked(): ReadonlySet<string> {
    const changing = this.changing;
    if (changing === null) return nothing.versioned;
    this.ackedSeq = changing.seq;
    this.ackedVersion = changing.version;
    this.base = changing.version;
    this.changing = null;
    return changing.names;
  }

  writable(): void {
    this.full = false;
    this.pump();
  }

  /** Sends what may be sent now. Live messages go before the rest of a change. */
  pump(): void {
    while (this.open && !this.full) {
      if (this.sendPart(this.liveOut)) continue;
      this.liveOut = null;
      const step = this.decide();
      if (step.kind === 'live') {
        this.beginLive(step.names);
        continue;
      }
      if (this.sendPart(this.changeOut)) {
        // A change is over when its last message has left, so that no ack can come before its commit.
        continue;
      }
      this.changeOut = null;
      if (!this.begin(step)) return;
    }
  }

  private start(owed: Changed, seq: number, version: string): void {
    this.owed = owed;
    this.gone.clear();
    this.versionedSeq = seq;
    this.liveSeq = seq;
    this.base = version;
    this.open = true;
    this.pump();
  }

  private sendPart(messages: Generator<ToProxy, void, void> | null): boolean {
    const next = messages?.next();
    if (next?.done !== false) return false;
    if (!this.kit.send(next.value)) this.full = true;
    if (messages === this.changeOut && next.value.type === 'commit') this.changeOut = null;
    return true;
  }

  private decide(): NextStep {
    const { view } = this.kit;
    const news = (seq: number): Changed | null => (seq === view.seq ? nothing : view.changedAfter(seq));
    return nextStep(
      {
        open: this.open,
        full: this.full,
        changing: this.changing !== null,
        first: this.ackedSeq === -1,
        owed: this.owed,
        gone: this.gone,
      },
      { versioned: news(this.versionedSeq)?.versioned ?? null, live: news(this.liveSeq)?.live ?? null },
    );
  }

  /** Returns whether there was something to do. */
  private begin(step: NextStep): boolean {
    switch (step.kind) {
      case 'wait':
        return false;
      case 'needTable':
        this.stop();
        this.kit.askTable();
        return true;
      case 'live':
        this.beginLive(step.names);
        return true;
      case 'change':
        this.beginChange(step.names);
        return true;
      case 'removeLive':
        this.liveOut = liveMessages([], [...step.names], () => ++this.liveMessage);
        this.gone.clear();
        return true;
      default:
        return step satisfies never;
    }
  }

  private beginLive(names: ReadonlySet<string>): void {
    const upserts: AnyUnit[] = [];
    for (const name of names) {
      const unit = this.kit.view.unit(name);
      if (unit === undefined) {
        this.gone.add(name);
      } else {
        this.gone.delete(name);
        if (this.fits(unit)) upserts.push(unit);
      }
    }
    this.liveSeq = this.kit.view.seq;
    this.owed = { versioned: this.owed.versioned, live: nothing.live };
    this.counts.live++;
    this.liveOut = liveMessages(upserts, [], () => ++this.liveMessage);
  }

  private beginChange(names: ReadonlySet<string>): void {
    const upserts: AnyUnit[] = [];
    const removes: string[] = [];
    for (const name of names) {
      const unit = this.kit.view.unit(name);
      if (unit === undefined) {
        this.kit.rejections.fits(name);
        removes.push(name);
      } else if (this.fits(unit)) {
        upserts.push(unit);
      }
    }
    const { version, seq } = this.kit.view;
    this.changing = { version, seq, names };
    this.versionedSeq = seq;
    this.owed = { versioned: nothing.versioned, live: this.owed.live };
    this.counts.changes++;
    this.changeOut = changeMessages({ version, base: this.base, upserts, removes });
    this.kit.begun();
  }

  /** A unit that no message can hold is refused here; the proxy keeps what it had. */
  private fits(unit: AnyUnit): boolean {
    const size = unitBytes(unit);
    if (size > maxUnitBytes) this.kit.rejections.refuseLarge(unit, size);
    else this.kit.rejections.fits(unit.name);
    return size <= maxUnitBytes;
  }
}
