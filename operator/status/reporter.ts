// Tells a person what changed: the conditions of objects and the findings about files, a line each. What passes within
// a moment (pending, until the proxies have answered) is not told, only where it came to rest. Bounded: of very many
// changes at once the first are printed and the others counted, the debug page has them all.

import type { Store } from '#operator/store/store.ts';
import { type Condition, conditionReasons, conditionTypes } from './conditions.ts';
import { printChanges, visible } from './print.ts';
import type { ObjectStatus, StatusChange, StatusTable } from './status.ts';

export interface ReporterParts {
  readonly statuses: StatusTable;
  readonly store: Store;
  readonly print: (line: string) => void;
  readonly timer: (ms: number, run: () => void) => () => void;
}

export interface Reporter extends Disposable {
  update(change: StatusChange): void;
}

/** Milliseconds for which things may still change. */
const settleMs = 300;
/** Pending is told after three seconds. */
const mostPostponed = 9;
const mostLines = 100;
/** How often certificates are looked at. */
const clockMs = 3_600_000;

export function startReporter({ statuses, store, print, timer }: ReporterParts): Reporter {
  const changed = new Map<string, ObjectStatus | null>();
  /** What was printed last, by object or file. */
  const told = new Map<string, string>();
  let cancel: (() => void) | null = null;

  /** How often an object was left for the next time. */
  const postponed = new Map<string, number>();

  const tell = (): void => {
    cancel = null;
    const objects = new Map<string, ObjectStatus | null>();
    for (const [key, status] of changed) {
      const times = postponed.get(key) ?? 0;
      if (isPending(status) && times < mostPostponed) {
        postponed.set(key, times + 1);
        continue;
      }
      objects.set(key, status);
      changed.delete(key);
      postponed.delete(key);
    }
    if (changed.size > 0) cancel = timer(settleMs, tell);
    const lines = [...fileLines(store, told), ...objectLines(objects, store, told)];
    for (const line of lines.slice(0, mostLines)) print(line);
    if (lines.length > mostLines) print(`and ${lines.length - mostLines} more`);
  };

  const update = (change: StatusChange): void => {
    for (const [key, status] of statuses.update(change)) changed.set(key, status);
    cancel ??= timer(settleMs, tell);
  };
  const tick = (): void => {
    update({ clock: true });
    cancelTick = timer(clockMs, tick);
  };
  let cancelTick = timer(clockMs, tick);

  return {
    update,
    [Symbol.dispose]() {
      cancel?.();
      cancelTick();
    },
  };
}

/** Only the proxies' answer is missing; at a start that is also so while none is connected. */
function isPending(status: ObjectStatus | null): boolean {
  const conditions = status?.conditions ?? [];
  return conditions.some(awaitsProxies) && conditions.every((each) => each.status !== 'False' || awaitsProxies(each));
}

function awaitsProxies({ type, status, reason }: Condition): boolean {
  return type === conditionTypes.programmed && (status === 'Unknown' || reason === conditionReasons.noProxy);
}

function objectLines(
  changed: ReadonlyMap<string, ObjectStatus | null>,
  store: Store,
  told: Map<string, string>,
): string[] {
  const lines: string[] = [];
  for (const [key, status] of [...changed].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [line = ''] = printChanges(new Map([[key, status]]), () => store.get(key)?.location ?? '');
    if (told.get(key) === line || (status === null && !told.has(key))) continue;
    if (status === null) told.delete(key);
    else told.set(key, line);
    lines.push(line);
  }
  return lines;
}

/** Findings about what could not become an object. A file's key cannot be an object's: it has no kind before it. */
function fileLines(store: Store, told: Map<string, string>): string[] {
  const lines: string[] = [];
  const now = store.placeDiagnostics();
  for (const key of told.keys()) {
    if (!key.startsWith(filePrefix) || now.has(key.slice(filePrefix.length))) continue;
    told.delete(key);
    lines.push(visible(`${key.slice(filePrefix.length)}: readable again`));
  }
  for (const [place, diagnostics] of now) {
    // Also the name of a file is text that somebody chose.
    const line = diagnostics.map(({ code, message }) => visible(`${placed(place, message)} (${code})`)).join('\n');
    if (told.get(filePrefix + place) === line) continue;
    told.set(filePrefix + place, line);
    lines.push(line);
  }
  return lines;
}

/** Most messages begin with file and line already. */
function placed(place: string, message: string): string {
  return message.startsWith(place) ? message : `${place}: ${message}`;
}

const filePrefix = 'file:';
