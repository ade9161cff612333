// `npm run generate`: writes everything that follows from the schemas and the catalogue; `--check` only compares and
// names what is out of date. What is generated says so on its first line, or stands between markers.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { filterSchemas } from '#proxy/filters/schemas.ts';
import { ownGroup, resourceKinds } from '#operator/resources/index.ts';
import { crdYaml } from './generate/crd.ts';
import { insertFields } from './generate/filter-readme.ts';
import { diagnosticsPage, filtersPage, resourcesPage } from './generate/pages.ts';
import { folderOf } from './generate/names.ts';

const root = path.join(import.meta.dirname, '..');

/** Path in the tree → its contents. */
export async function generateAll(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const kind of resourceKinds) {
    if (kind.group === ownGroup) files.set(`crds/${ownGroup}_${kind.plural}.yaml`, crdYaml(kind));
  }
  for (const schema of filterSchemas.values()) {
    if (schema.status === 'planned') continue;
    const file = `proxy/filters/${folderOf(schema.kind)}/README.md`;
    files.set(file, insertFields(schema, await read(file)));
  }
  files.set('proxy/filters/README.md', filtersPage());
  files.set('operator/resources/README.md', resourcesPage());
  files.set('proxy/contract/DIAGNOSTICS.md', diagnosticsPage());
  return files;
}

async function main(check: boolean): Promise<void> {
  const files = await generateAll();
  const stale: string[] = [];
  for (const [file, contents] of files) {
    if ((await read(file)) === contents) continue;
    stale.push(file);
    if (check) continue;
    await mkdir(path.join(root, path.dirname(file)), { recursive: true });
    await writeFile(path.join(root, file), contents);
  }
  for (const name of await readdir(path.join(root, 'crds'))) {
    const file = `crds/${name}`;
    if (files.has(file) || !name.endsWith('.yaml')) continue;
    stale.push(file);
    if (!check) await rm(path.join(root, file));
  }
  const verb = check ? 'is out of date; run `npm run generate`' : 'written';
  for (const file of stale) console.log(`${file} ${verb}`);
  if (check && stale.length > 0) process.exitCode = 1;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(path.join(root, file), 'utf8');
  } catch {
    return ''; // not there yet
  }
}

if (import.meta.main) await main(process.argv.includes('--check'));
