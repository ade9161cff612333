// All sessions of this operator. Takes what compile yields, tells the sessions whose view changed, and tells status
// what the fleet said. Transports (server.ts, and the process that holds both halves) open sessions here.

import { randomBytes } from 'node:crypto';
import type { CompileDelta } from '#operator/compile/result.ts';
import type { AckState, SessionAcks } from '#operator/status/acks.ts';
import type { Log } from '#proxy/process/log.ts';
import { systemClock, type Clock } from './clock.ts';
import { Session, sessionTimes, type Outlet, type SessionTimes } from './session.ts';
import type { VerifiedIdentity } from './verifier.ts';
import { Views } from './views.ts';

export interface SessionsOptions {
  readonly log: Log;
  readonly build: string;
  /** What status is to hear (operator/status/acks.ts). */
  readonly onAcks?: (acks: AckState, units: readonly string[] | 'all') => void;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly times?: SessionTimes;
  readonly maxSessions?: number;
}

/** A session as debug pages show it. */
export interface SessionRow {
  readonly session: string;
  readonly identity: string;
  readonly proxy: string;
  readonly build: string;
  readonly audiences: readonly string[];
  readonly phase: string;
  readonly version: string;
  /** Version of its view now. */
  readonly wanted: string;
  readonly quarantined: boolean;
  readonly rejected: Readonly<Record<string, readonly string[]>>;
  readonly reports: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

type Renew = (token: string) => Promise<VerifiedIdentity | null>;

export class Sessions {
  readonly views = new Views();
  private readonly options: Required<SessionsOptions>;
  private readonly sessions = new Map<string, Session>();
  /** Counts of sessions that are over. */
  private readonly ended: Record<string, number> = {};

  constructor(options: SessionsOptions) {
    const defaults = { clock: systemClock, random: Math.random, times: sessionTimes, maxSessions: 10_000 };
    this.options = { onAcks: () => {}, ...defaults, ...options };
  }

  get count(): number {
    return this.sessions.size;
  }

  /** Null when there are as many as are allowed. */
  open(identity: VerifiedIdentity, outlet: Outlet, renew: Renew): Session | null {
    const { clock, random, log, times, build, maxSessions } = this.options;
    if (this.sessions.size >= maxSessions) return null;
    const id = randomBytes(8).toString('hex');
    const view = this.views.of(identity.audiences);
    view.users++;
    const changed = (units: readonly string[] | 'all'): void => {
      if (session.phase === 'closed' && this.sessions.delete(id)) {
        view.users--;
        addTo(this.ended, session);
      }
      this.options.onAcks(this.acks(), units);
    };
    const session = new Session({ id, identity, view, outlet }, { clock, random, log, times, build, renew, changed });
    this.sessions.set(id, session);
    return session;
  }

  /** The next result of compile. */
  publish(delta: CompileDelta): void {
    const changed = new Set(this.views.update(delta));
    if (changed.size === 0) return;
    for (const session of this.sessions.values()) if (changed.has(session.view)) session.poke();
  }

  acks(): AckState {
    const sessions = [...this.sessions.values()].filter(({ phase }) => phase === 'open' || phase === 'table');
    return { sessions: sessions.map(acksOf) };
  }

  rows(): SessionRow[] {
    return [...this.sessions.values()].map(row);
  }

  /** What all sessions counted, those that are over included. */
  totals(): Readonly<Record<string, number>> {
    const totals = { ...this.ended };
    for (const session of this.sessions.values()) addTo(totals, session);
    return totals;
  }

  find(id: string): Session | undefined {
    return this.sessions.get(id);
  }

  /** Says goodbye to all: the operator is going away. */
  end(reason: string): void {
    for (const session of this.sessions.values()) session.end(reason);
  }
}

function acksOf(session: Session): SessionAcks {
  return {
    id: session.id,
    proxy: session.identity.name,
    quarantined: session.quarantined,
    holds: (unit) => session.view.has(unit),
    applied: (unit) => session.applied(unit),
    rejected: session.rejected,
  };
}

function row(session: Session): SessionRow {
  const rejected = [...session.rejected].map(([unit, found]): [string, string[]] => [
    unit,
    found.map(({ code, message }) => `${code}: ${message}`),
  ]);
  return {
    session: session.id,
    identity: session.identity.name,
    proxy: session.proxy,
    build: session.build,
    audiences: session.identity.audiences,
    phase: session.phase,
    version: session.version,
    wanted: session.view.version,
    quarantined: session.quarantined,
    rejected: Object.fromEntries(rejected),
    reports: session.reports.topics(),
    counts: countsOf(session),
  };
}

function countsOf({ sent, counts, reports }: Session): Readonly<Record<string, number>> {
  return { ...sent, ...counts, reports: reports.taken, reportsDropped: reports.dropped };
}

function addTo(totals: Record<string, number>, session: Session): void {
  totals['sessions'] = (totals['sessions'] ?? 0) + 1;
  for (const [name, value] of Object.entries(countsOf(session))) totals[name] = (totals[name] ?? 0) + value;
}
