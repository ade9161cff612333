// Statuses as text: a line per object that changed (and one per further finding), for the terminal, and a table of all, for the debug page. Writes
// nothing itself. Text from objects is shown without control characters, so that a manifest cannot steer a terminal.

import { type Condition, conditionReasons, type ConditionType, conditionTypes } from './conditions.ts';
import type { ObjectStatus } from './status.ts';

const mostFindings = 10;

/** `locationOf` gives the place of an object (`web.yaml:12`), `` when it has none. */
export function printChanges(
  changed: ReadonlyMap<string, ObjectStatus | null>,
  locationOf: (key: string) => string = () => '',
): string[] {
  return [...changed].map(([key, status]) => {
    if (status === null) return visible(`${titleOf(key)}: removed`);
    const location = locationOf(key);
    const where = location === '' ? '' : ` (${location})`;
    return [`${titleOf(key)}${where}: ${summary(status.conditions)}`, ...furtherFindings(status)]
      .map(visible)
      .join('\n    ');
  });
}

/** One row per object, ordered by key, columns aligned. */
export function printTable(statuses: ReadonlyMap<string, ObjectStatus>): string {
  const rows = [...statuses]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { object, conditions }]) => [
      object.kind,
      `${object.namespace}/${object.name}`,
      ...Object.values(conditionTypes).map((type) => statusOf(conditions, type)),
      conditions.flatMap(({ message }) => (message === '' ? [] : [message])).join(' | '),
    ]);
  const table = [['KIND', 'OBJECT', 'ACCEPTED', 'RESOLVEDREFS', 'PROGRAMMED', 'MESSAGE'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      visible(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      ),
    )
    .join('\n');
}

/** The findings that the conditions only count, so that a person can mend all of them in one go. */
function furtherFindings({ diagnostics, conditions }: ObjectStatus): string[] {
  const further = diagnostics
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    .filter((text) => !conditions.some(({ message }) => message.startsWith(text)));
  const shown = further.slice(0, mostFindings);
  return further.length > shown.length ? [...shown, `and ${further.length - shown.length} more`] : shown;
}

/** What a person wants to know first: what is refused, what leads nowhere, and whether it runs. */
function summary(conditions: readonly Condition[]): string {
  const parts: string[] = [];
  for (const { type, status, reason, message } of conditions) {
    const told = message === '' ? '' : `, ${message}`;
    // That a refused object does not run goes without saying.
    if (type === conditionTypes.programmed && reason === conditionReasons.refused && parts.length > 0) continue;
    if (type === conditionTypes.programmed) parts.push(programmedText(status, reason, told));
    else if (status === 'False')
      parts.push(`${type === conditionTypes.accepted ? 'not accepted' : 'unresolved'} (${reason})${told}`);
    else if (message !== '') parts.push(`accepted with warnings${told}`);
  }
  return parts.join('; ');
}

function programmedText(status: Condition['status'], reason: string, told: string): string {
  if (status === 'True') return 'programmed';
  return status === 'Unknown' ? `${reason.toLowerCase()}${told}` : `not programmed (${reason})${told}`;
}

function statusOf(conditions: readonly Condition[], type: ConditionType): string {
  const condition = conditions.find((each) => each.type === type);
  if (condition === undefined) return '-';
  return condition.status === 'True' ? 'True' : `${condition.status} ${condition.reason}`;
}

function titleOf(key: string): string {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return `${kind} ${namespace}/${name}`;
}

/** On one line, and without anything that a terminal obeys. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '�');
}
