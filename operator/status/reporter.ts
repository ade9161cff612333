// Tells a person what changed: the conditions of objects and the findings about files, a line each. Bounded: of very
// many changes at once the first are printed and the others counted, the debug page has them all.

import type { Store } from '#operator/store/store.ts';
import { printChanges } from './print.ts';
import type { StatusChange, StatusTable } from './status.ts';

export interface ReporterParts {
  readonly statuses: StatusTable;
  readonly store: Store;
  readonly print: (line: string) => void;
}

const mostLines = 100;

export function startReporter({ statuses, store, print }: ReporterParts): { update(change: StatusChange): void } {
  let findings = new Map<string, string>();
  return {
    update(change) {
      const now = fileFindings(store);
      const changed = [...now].filter(([place, text]) => findings.get(place) !== text).map(([, text]) => text);
      const mended = [...findings.keys()].filter((place) => !now.has(place)).map((place) => `${place}: readable again`);
      findings = now;
      const objects = printChanges(statuses.update(change), (key) => store.get(key)?.location ?? '');
      const lines = [...changed, ...mended, ...objects];
      for (const line of lines.slice(0, mostLines)) print(line);
      if (lines.length > mostLines) print(`and ${lines.length - mostLines} more`);
    },
  };
}

function fileFindings(store: Store): Map<string, string> {
  return new Map(
    [...store.placeDiagnostics()].map(([place, diagnostics]) => [
      place,
      `${place}: ${diagnostics.map(({ code, message }) => `${code}, ${message}`).join('; ')}`,
    ]),
  );
}
