// Checks every import of every tracked source against the table. A regular expression is enough to find imports
// because the formatter keeps them in one form; the guard test proves that it finds them.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { impure, rooms, type Room } from './table.ts';

const importPattern = /^(?:import|export)\b[^'";]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gms;

export function roomOf(file: string): [name: string, room: Room] | null {
  let best: [string, Room] | null = null;
  for (const [name, room] of Object.entries(rooms)) {
    const inside = file === name || file.startsWith(`${name}/`);
    if (inside && (best === null || name.length > best[0].length)) best = [name, room];
  }
  return best;
}

/** Findings for one file, as `file: message`. `file` is relative to the root with forward slashes. */
export function checkFile(file: string, text: string): string[] {
  if (file.endsWith('.test.ts')) return [];
  const found = roomOf(file);
  if (found === null) return [`${file}: belongs to no room of hack/boundaries/table.ts`];
  const [name, room] = found;
  const findings = [...text.matchAll(importPattern)].flatMap((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? '';
    const problem = checkImport(file, name, room, target);
    return problem === null ? [] : [`${file}: ${problem}`];
  });
  if (room.pure === true) {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''");
    for (const [pattern, why] of impure) {
      if (pattern.test(code)) findings.push(`${file}: ${name} is pure, ${pattern.source} would bring in ${why}`);
    }
  }
  return findings;
}

function checkImport(file: string, name: string, room: Room, target: string): string | null {
  if (target.startsWith('node:')) return room.pure === true ? `${name} is pure, it may not import ${target}` : null;
  if (!target.startsWith('.') && !target.startsWith('#')) {
    const parts = target.split('/');
    const bare = target.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
    const allowed = room.packages ?? [];
    return allowed.includes('*') || allowed.includes(bare) ? null : `${name} may not import the package ${bare}`;
  }
  const resolved = target.startsWith('#')
    ? target.slice(1)
    : path.posix.normalize(path.posix.join(path.posix.dirname(file), target));
  if (resolved.endsWith('.test.ts')) return `imports a test, ${resolved}`;
  const filterFolder = /^proxy\/filters\/([^/]+)\//.exec(file)?.[1];
  const otherFolder = /^proxy\/filters\/([^/]+)\//.exec(resolved)?.[1];
  if (filterFolder !== undefined && otherFolder !== undefined && filterFolder !== otherFolder) {
    return `a filter may not import another filter (${resolved})`;
  }
  const own = resolved === name || resolved.startsWith(`${name}/`) || path.posix.dirname(resolved) === name;
  const allowed = room.rooms.some((other) => resolved === other || resolved.startsWith(`${other}/`));
  return own || allowed ? null : `${name} may not import ${resolved}`;
}

export function checkTree(root: string, files: readonly string[]): string[] {
  return files.flatMap((file) => checkFile(file, readFileSync(path.join(root, file), 'utf8')));
}
