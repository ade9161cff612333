// A guard that cannot fail is not a guard: each rule of the style is tripped on purpose. The fixtures are written
// into a scratch tree with the project's own linter settings, because a fixture inside the tree would trip the tree.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkFile } from '../boundaries/boundaries.ts';
import { checkLockfile } from '../lockfile.ts';

const root = path.join(import.meta.dirname, '..', '..');

const lintFixtures: readonly (readonly [file: string, rule: string, code: string])[] = [
  [
    'proxy/a/floating.ts',
    'no-floating-promises',
    'async function go(): Promise<void> {}\nexport function f(): void {\n  go();\n}\n',
  ],
  [
    'proxy/a/misused.ts',
    'no-misused-promises',
    'export const list: string[] = [];\nlist.forEach(async (x) => {\n  await Promise.resolve(x);\n});\n',
  ],
  [
    'proxy/a/switch.ts',
    'switch-exhaustiveness-check',
    "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 0;\n}\n",
  ],
  ['proxy/a/throws.ts', 'only-throw-error', "export function f(): never {\n  throw 'text';\n}\n"],
  ['proxy/a/any.ts', 'no-explicit-any', 'export const x: any = 1;\n'],
  ['proxy/a/bang.ts', 'no-non-null-assertion', 'export const f = (x: string | null): string => x!;\n'],
  ['proxy/a/default.ts', 'no-default-export', 'export default 1;\n'],
  [
    'proxy/a/params.ts',
    'max-params',
    'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e;\n',
  ],
  ['proxy/a/console.ts', 'no-console', "console.log('x');\nexport {};\n"],
  [
    'proxy/a/long.ts',
    'max-lines',
    `${'export {};\n'.repeat(1)}${Array.from({ length: 501 }, (_, i) => `export const x${i} = ${i};`).join('\n')}\n`,
  ],
  ['proxy/a/cycle-one.ts', 'no-cycle', "import { two } from './cycle-two.ts';\nexport const one: number = two;\n"],
  ['proxy/a/cycle-two.ts', 'no-cycle', "import { one } from './cycle-one.ts';\nexport const two: number = one;\n"],
];

describe('the linter', () => {
  let tree = '';
  let fired: Map<string, Set<string>> = new Map();

  beforeAll(async () => {
    tree = mkdtempSync(path.join(tmpdir(), 'guards-'));
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
      cpSync(path.join(root, file), path.join(tree, file));
    symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
    for (const [file, , code] of lintFixtures) {
      mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      writeFileSync(path.join(tree, file), code);
    }
    fired = await lint(tree);
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it.each(lintFixtures)('refuses %s by %s', (file, rule) => {
    expect([...(fired.get(file) ?? [])].join(' ')).toContain(rule);
  });
});

async function lint(tree: string): Promise<Map<string, Set<string>>> {
  const output = await new Promise<string>((resolve) => {
    execFile(
      path.join(root, 'node_modules', '.bin', 'oxlint'),
      ['--type-aware', '-f', 'json'],
      { cwd: tree, maxBuffer: 1 << 24 },
      (_error, stdout) => resolve(stdout),
    );
  });
  const parsed = JSON.parse(output) as { diagnostics: { code: string; filename: string }[] };
  const found = new Map<string, Set<string>>();
  for (const { code, filename } of parsed.diagnostics) {
    const rules = found.get(filename) ?? new Set();
    found.set(filename, rules.add(code));
  }
  return found;
}

describe('the boundaries', () => {
  it.each([
    ['proxy/router/x.ts', "import { y } from '#operator/loop.ts';\n", 'may not import operator/loop.ts'],
    ['operator/publish/x.ts', "import { y } from '#proxy/http1/parser.ts';\n", 'may not import proxy/http1'],
    ['operator/publish/x.ts', "import { y } from '../../proxy/http1/parser.ts';\n", 'may not import proxy/http1'],
    ['proxy/filters/mock/x.ts', "import { y } from '../proxy/filter.ts';\n", 'may not import another filter'],
    ['proxy/pipeline/x.ts', "import { y } from '#proxy/filters/index.ts';\n", 'may not import proxy/filters/index.ts'],
    ['proxy/listeners/x.ts', "import {\n  y,\n} from '#proxy/router/rule.ts';\n", 'may not import proxy/router'],
    ['proxy/process/x.ts', "import { y } from '#proxy/contract/units.ts';\n", 'may not import proxy/contract'],
    ['proxy/http1/x.ts', "import { pino } from 'pino';\n", 'may not import the package pino'],
    ['proxy/http1/x.ts', "const y = await import('pino');\n", 'may not import the package pino'],
    ['operator/compile/x.ts', "import { readFileSync } from 'node:fs';\n", 'is pure'],
    ['operator/compile/x.ts', 'export const now = Date.now();\n', 'a clock'],
    ['operator/compile/x.ts', 'export const x = Math.random();\n', 'randomness'],
    ['operator/status/conditions.ts', 'export const x = process.env;\n', 'the process'],
    ['operator/loop.ts', "import { y } from './loop.test.ts';\n", 'imports a test'],
    ['elsewhere/x.ts', 'export {};\n', 'belongs to no room'],
  ])('refuse %s', (file, code, message) => {
    expect(checkFile(file, code).join('\n')).toContain(message);
  });

  it('allow what the table lists', () => {
    const code = "import type { Unit } from '#proxy/contract/units.ts';\nimport { net } from 'node:net';\n";
    expect(checkFile('operator/publish/x.ts', code)).toEqual([]);
  });
});

describe('the lockfile', () => {
  it('refuses an install script and a native package in production only', () => {
    const lock = {
      packages: {
        '': {},
        'node_modules/a': { hasInstallScript: true },
        'node_modules/b': { os: ['linux'] },
        'node_modules/c': { hasInstallScript: true, dev: true },
      },
    };
    expect(checkLockfile(lock)).toEqual([
      'node_modules/a: has an install script',
      'node_modules/b: is built for one platform',
    ]);
  });

  it('refuses one that lacks a package which another names', () => {
    const lock = {
      packages: {
        '': { dependencies: { a: '1' }, devDependencies: { d: '1' } },
        'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'c-darwin': '1', 'c-linux': '1' } },
        'node_modules/a/node_modules/b': { dependencies: { a: '1' } },
        'node_modules/c-linux': {},
      },
    };
    expect(checkLockfile(lock)).toEqual(['package.json: lacks d', 'node_modules/a: lacks c-darwin']);
  });
});
