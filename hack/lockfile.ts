// No native addon and no install script may reach a user: walks the lockfile's production packages.

import { readFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
  resolved?: string;
  os?: string[];
  cpu?: string[];
}

/** Findings about production packages of a lockfile (its parsed JSON). */
export function checkLockfile(lock: { packages: Record<string, LockedPackage> }): string[] {
  return Object.entries(lock.packages).flatMap(([place, entry]) => {
    if (place === '' || entry.dev === true) return [];
    const problems: string[] = [];
    if (entry.hasInstallScript === true) problems.push(`${place}: has an install script`);
    if (entry.os !== undefined || entry.cpu !== undefined) problems.push(`${place}: is built for one platform`);
    return problems;
  });
}

if (process.argv[1] === import.meta.filename) {
  const file = path.join(import.meta.dirname, '..', 'package-lock.json');
  const problems = checkLockfile(JSON.parse(readFileSync(file, 'utf8')));
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
