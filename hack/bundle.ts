// `npm run build`: one .js file, because Node strips no types under node_modules. The bundle holds our sources and
// every dependency; the data threads are started from the same file. The header is what an old Node sees first.

import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const outfile = path.join(root, 'dist', 'easegress.js');

const banner = `#!/usr/bin/env node
import { createRequire as easegressRequire } from 'node:module';
const require = easegressRequire(import.meta.url);
const [nodeMajor, nodeMinor] = process.versions.node.split('.').map(Number);
if (nodeMajor < 24 || (nodeMajor === 24 && nodeMinor < 12)) {
  console.error('easegress needs Node 24.12 or newer; this is Node ' + process.versions.node);
  process.exit(1);
}`;

rmSync(path.join(root, 'dist'), { recursive: true, force: true });
await build({
  entryPoints: [path.join(root, 'operator', 'cli.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  banner: { js: banner },
  logLevel: 'warning',
});
chmodSync(outfile, 0o755);
