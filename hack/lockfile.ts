// Judges the lockfile. No native addon and no install script may reach a user, so production packages have neither;
// and every package that another one names is there, also those for other platforms: with one missing `npm ci` refuses
// the whole file, on a fresh machine only (npm drops a version of an optional package that its registry lacks without
// a word).

import { readFileSync } from 'node:fs';
import path from 'node:path';

interface LockedPackage {
  dev?: boolean;
  hasInstallScript?: boolean;
  os?: string[];
  cpu?: string[];
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

type Packages = Readonly<Record<string, LockedPackage>>;

/** Findings about the packages of a lockfile (its parsed JSON). */
export function checkLockfile({ packages }: { packages: Packages }): string[] {
  return Object.entries(packages).flatMap(([place, entry]) => {
    const problems = missing(packages, place, entry);
    if (place === '' || entry.dev === true) return problems;
    if (entry.hasInstallScript === true) problems.push(`${place}: has an install script`);
    if (entry.os !== undefined || entry.cpu !== undefined) problems.push(`${place}: is built for one platform`);
    return problems;
  });
}

function missing(packages: Packages, place: string, entry: LockedPackage): string[] {
  const named = Object.keys({
    ...entry.dependencies,
    ...entry.optionalDependencies,
    ...(place === '' ? entry.devDependencies : undefined),
  });
  return named
    .filter((name) => !isFound(packages, place, name))
    .map((name) => `${place || 'package.json'}: lacks ${name}`);
}

/** As Node looks a package up: beside the one that names it, then outwards. */
function isFound(packages: Packages, place: string, name: string): boolean {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === '') return false;
  }
}

if (process.argv[1] === import.meta.filename) {
  const file = path.join(import.meta.dirname, '..', 'package-lock.json');
  const problems = checkLockfile(JSON.parse(readFileSync(file, 'utf8')));
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
