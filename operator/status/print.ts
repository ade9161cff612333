// Statuses as text: a line per object that changed, for the terminal, and a table of all, for the debug page. Writes
// nothing itself. Text from objects is shown without control characters, so that a manifest cannot steer a terminal.

import { type Condition, type ConditionType, conditionTypes } from './conditions.ts';
import type { ObjectStatus } from './status.ts';

/** `locationOf` gives the place of an object (`web.yaml:12`), `` when it has none. */
export function printChanges(
  changed: ReadonlyMap<string, ObjectStatus | null>,
  locationOf: (key: string) => string = () => '',
): string[] {
  return [...changed].map(([key, status]) => {
    if (status === null) return visible(`${titleOf(key)}: removed`);
    const location = locationOf(key);
    const where = location === '' ? '' : ` (${location})`;
    return visible(`${titleOf(key)}${where}: ${summary(status.conditions)}`);
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

/** What a person wants to know first: what is refused, what leads nowhere, and whether it runs. */
function summary(conditions: readonly Condition[]): string {
  const parts: string[] = [];
  for (const { type, status, reason, message } of conditions) {
    const told = message === '' ? '' : `, ${message}`;
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
