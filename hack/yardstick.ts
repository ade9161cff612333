// `node hack/yardstick.ts`: prints the figures that a review asks for, to be read and not to pass or fail. What a filter
// costs to add, how long files are, how much is tested, whether the reference knows every kind, how many boundaries have
// a fixture that trips them, and what the linter was told to overlook.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { filters } from '#proxy/filters/index.ts';
import { filterSchemas } from '#proxy/filters/schemas.ts';

interface Source {
  readonly file: string;
  readonly lines: readonly string[];
}

const root = path.join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trimEnd().split('\n');
const all = tracked.filter((file) => file.endsWith('.ts')).map(read);
const tests = all.filter(({ file }) => file.endsWith('.test.ts') || file.startsWith('test/'));
const product = all.filter((source) => /^(operator|proxy)\//.test(source.file) && !tests.includes(source));
const golden = tracked.filter((file) => file.startsWith('operator/compile/testdata/')).map(read);

/** A mention of a kind of filter, as a text, in code that every filter shares. */
const kindAsText = new RegExp(`'(${[...filters.keys()].join('|')})'`);
const shared = product.filter(({ file }) => !file.startsWith('proxy/filters/'));

const perFilter = tracked.filter((file) => file.startsWith('proxy/filters/mock/')).length;
row('1 files to add a filter', `${perFilter} in its folder + 2 lists + 1 sample = ${perFilter + 3} (at most 7)`);
row('2 a kind named in shared code', list(places(shared, kindAsText)));
for (const room of ['', 'operator/compile/', 'proxy/listeners/', 'proxy/http1/', 'proxy/upstream/', 'proxy/filters/']) {
  measureRoom(room);
}
row('4 comment share', `${percent(product.flatMap(({ lines }) => lines))} % (10 to 25)`);
row('5 golden cases, lines', `${new Set(golden.map(({ file }) => path.dirname(file))).size}, ${count(golden)}`);
row('15 filters with schema / that run', `${filterSchemas.size} / ${filters.size}`);
row('15 kinds that the reference lacks', list(undocumented()));
row('19 boundaries with a fixture', String(fixtures()));
row(
  '28 any, !',
  `${list(places(all, /oxlint-disable.*(no-explicit-any|no-non-null-assertion)/))} (the linter refuses others)`,
);
row(
  '28 suppressions without reason',
  list(places(all, /oxlint-disable(?!.* -- )|@ts-(ignore|nocheck|expect-error)\s*$/)),
);
row('28 open ends', list(places(all, /\b(TO[D]O|FIX[M]E)\b/)));

function row(name: string, value: string): void {
  console.log(`${name.padEnd(36)}${value}`);
}

function measureRoom(room: string): void {
  const sources = product.filter(({ file }) => file.startsWith(room));
  const lengths = sources.map(({ lines }) => lines.length).toSorted((a, b) => a - b);
  const at = (share: number): number => lengths[Math.min(lengths.length - 1, Math.floor(lengths.length * share))] ?? 0;
  const ratio = count(tests.filter(({ file }) => file.startsWith(room))) / Math.max(1, count(sources));
  const name = room === '' ? 'all' : room;
  row(
    '3 median / p90 / max',
    `${at(0.5)} / ${at(0.9)} / ${at(1)} of ${lengths.length} files, ${name} (at most 130 / 350 / 500)`,
  );
  row('5 test lines per source line', `${ratio.toFixed(2)}, ${name}`);
}

function read(file: string): Source {
  return { file, lines: readFileSync(path.join(root, file), 'utf8').trimEnd().split('\n') };
}

function count(sources: readonly Source[]): number {
  return sources.reduce((total, { lines }) => total + lines.length, 0);
}

function percent(lines: readonly string[]): string {
  const written = lines.filter((line) => line.trim() !== '');
  const comments = written.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line));
  return ((100 * comments.length) / written.length).toFixed(0);
}

function places(sources: readonly Source[], pattern: RegExp): string[] {
  return sources.flatMap(({ file, lines }) =>
    lines.flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}`] : [])),
  );
}

function undocumented(): string[] {
  const page = readFileSync(path.join(root, 'proxy', 'filters', 'README.md'), 'utf8');
  return [...filterSchemas.keys()].filter((kind) => !page.includes(kind));
}

/** Rows of the two tables of fixtures. */
function fixtures(): number {
  const text = readFileSync(path.join(root, 'hack', 'guards', 'guards.test.ts'), 'utf8');
  return [...text.matchAll(/^ {2,4}\[\n? *'(?:proxy|operator|elsewhere)\//gm)].length;
}

function list(found: readonly string[]): string {
  return found.length === 0 ? '0' : `${found.length}: ${found.slice(0, 8).join(' ')}`;
}
