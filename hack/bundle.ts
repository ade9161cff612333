// `npm run build`: plain .js, because Node strips no types under node_modules. `main.js` holds our sources and every
// dependency; `easegress.js` is what the command starts: it must be readable by any Node, so that an old one says in
// one line what it lacks instead of failing at an import.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

const launcher = `#!/usr/bin/env node
var version = process.versions.node.split('.').map(Number);
if (version[0] < 24 || (version[0] === 24 && version[1] < 12)) {
  console.error('easegress needs Node 24.12 or newer; this is Node ' + process.versions.node);
  process.exit(1);
}
import('./main.js');
`;

// CommonJS dependencies call require() for node: modules.
const banner = `import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);`;

rmSync(dist, { recursive: true, force: true });
await build({
  entryPoints: [path.join(root, 'operator', 'cli.ts')],
  outfile: path.join(dist, 'main.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  banner: { js: banner },
  logLevel: 'warning',
});
writeFileSync(path.join(dist, 'easegress.js'), launcher);
chmodSync(path.join(dist, 'easegress.js'), 0o755);
