// `npm run check`: everything that judges the tree without running the product, side by side.

import { spawn, execFileSync } from 'node:child_process';
import path from 'node:path';
import { checkTree } from './boundaries/boundaries.ts';

const root = path.join(import.meta.dirname, '..');

const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'oxfmt', '--check', '.'],
  ['dead code', 'knip', '--no-progress'],
  ['generated', process.execPath, 'hack/generate.ts', '--check'],
  ['lockfile', process.execPath, 'hack/lockfile.ts'],
];

const started = performance.now();
const results = await Promise.all(steps.map(runStep));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.startsWith('hack/guards/fixtures/'));
const crossings = checkTree(root, files);
results.push({ name: 'boundaries', code: crossings.length === 0 ? 0 : 1, output: crossings.join('\n'), seconds: 0 });

for (const { name, code, output, seconds } of results) {
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${seconds.toFixed(1)} s`);
  if (code !== 0) console.log(output.trimEnd());
}
const failed = results.filter((result) => result.code !== 0).length;
console.log(
  `check: ${results.length - failed} passed, ${failed} failed in ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;

interface StepResult {
  name: string;
  code: number;
  output: string;
  seconds: number;
}

function runStep([name, command, ...args]: readonly [string, string, ...string[]]): Promise<StepResult> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const bin = path.join(root, 'node_modules', '.bin');
    const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.stderr.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', (error) => resolve({ name, code: 1, output: error.message, seconds: 0 }));
    child.on('close', (code) => {
      resolve({ name, code: code ?? 1, output, seconds: (performance.now() - begin) / 1000 });
    });
  });
}
