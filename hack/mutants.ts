// `npm run mutants`: proves that the tests which matter can fail. Each mutant is one committed one-line change and the
// test file that must turn red under it. Works on copies of the tree, two at a time; the tree itself is not touched.

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Mutant {
  /** What the change does, as a sentence. */
  readonly name: string;
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test file that must fail. */
  readonly test: string;
}

type Verdict = { readonly caught: boolean; readonly reason: string };

const root = path.join(import.meta.dirname, '..');
const lanes = 2;

const only = process.argv[2];
const mutants = readdirSync(path.join(root, 'hack', 'mutants'))
  .filter((file) => file.endsWith('.json'))
  .toSorted()
  .flatMap((file) => JSON.parse(readFileSync(path.join(root, 'hack', 'mutants', file), 'utf8')) as Mutant[])
  .filter((mutant) => only === undefined || mutant.name.includes(only) || mutant.file.includes(only));

const trees = Array.from({ length: lanes }, copyTree);
let failures = 0;
try {
  const tests = [...new Set(mutants.map((mutant) => mutant.test))];
  const green = await runTests(trees[0] ?? '', tests);
  if (!green) throw new Error('the tests that the mutants name are not green without a mutant');
  const queue = [...mutants];
  await Promise.all(trees.map((tree) => work(tree, queue)));
  console.log(`${mutants.length - failures} of ${mutants.length} caught`);
} finally {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
}
process.exitCode = failures === 0 && mutants.length > 0 ? 0 : 1;

async function work(tree: string, queue: Mutant[]): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const { caught, reason } = await judge(tree, mutant);
    if (!caught) failures++;
    console.log(`${caught ? 'caught ' : 'MISSED '} ${mutant.name}${reason === '' ? '' : ` (${reason})`}`);
  }
}

async function judge(tree: string, mutant: Mutant): Promise<Verdict> {
  const file = path.join(tree, mutant.file);
  const text = readFileSync(file, 'utf8');
  const places = text.split(mutant.find).length - 1;
  if (places !== 1) return { caught: false, reason: `its text occurs ${places} times in ${mutant.file}` };
  writeFileSync(
    file,
    text.replace(mutant.find, () => mutant.replace),
  );
  try {
    const passed = await runTests(tree, [mutant.test]);
    return { caught: !passed, reason: passed ? `${mutant.test} stayed green` : '' };
  } finally {
    writeFileSync(file, text);
  }
}

function copyTree(): string {
  const tree = mkdtempSync(path.join(tmpdir(), 'mutants-'));
  for (const entry of readdirSync(root)) {
    if (['node_modules', '.git', 'dist'].includes(entry)) continue;
    cpSync(path.join(root, entry), path.join(tree, entry), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  return tree;
}

/** True when every test file passes. A mutant that hangs its test is caught: the time-out is the failure. */
function runTests(tree: string, tests: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--bail', '1', ...tests],
      { cwd: tree, timeout: 240_000, killSignal: 'SIGKILL', maxBuffer: 1 << 26 },
      (error) => resolve(error === null),
    );
  });
}
