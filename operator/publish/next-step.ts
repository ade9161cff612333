// What a session sends next: one decision from where it stands and what its view has become. No sockets, no clock, no
// units; sessions ask again whenever something happened, so that a wrong moment costs nothing.
//
//   lost ──▶ needTable        the history does not reach back to where the proxy stands
//   live ──▶ at once          also while a change is under way; new endpoints arrive before the units that use them
//   change ─▶ one at a time   the next is worked out when this one was acknowledged, so a slow proxy skips versions
//   gone ──▶ when quiet       live units that left are removed after the units that used them

import type { Changed } from './history.ts';

export interface Position {
  /** False before hello and while a table is awaited. */
  readonly open: boolean;
  /** The outlet takes no more for now. */
  readonly full: boolean;
  /** A change was begun and is not acknowledged. */
  readonly changing: boolean;
  /** Nothing was acknowledged on this connection yet: a change is due, be it empty. */
  readonly first: boolean;
  /** Names owed beside what the history says: from comparing tables. */
  readonly owed: Changed;
  /** Live names that left the view. */
  readonly gone: ReadonlySet<string>;
}

export interface ViewNews {
  /** What changed in the view since versioned and live units were last sent, null = too long ago. */
  readonly versioned: ReadonlySet<string> | null;
  readonly live: ReadonlySet<string> | null;
}

export type NextStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'needTable' }
  | { readonly kind: 'live'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'change'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'removeLive'; readonly names: ReadonlySet<string> };

const wait: NextStep = { kind: 'wait' };

export function nextStep(position: Position, news: ViewNews): NextStep {
  if (!position.open || position.full) return wait;
  if (news.live === null || news.versioned === null) return position.changing ? wait : { kind: 'needTable' };
  const live = union(position.owed.live, news.live);
  if (live.size > 0) return { kind: 'live', names: live };
  if (position.changing) return wait;
  const versioned = union(position.owed.versioned, news.versioned);
  if (position.first || versioned.size > 0) return { kind: 'change', names: versioned };
  if (position.gone.size > 0) return { kind: 'removeLive', names: position.gone };
  return wait;
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  if (a.size === 0) return b;
  return b.size === 0 ? a : new Set([...a, ...b]);
}
