// The pages name files; a file that moves without its page turns this red. Reference pages are generated and have a
// check of their own.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shellBlocks } from './readme-run.ts';

const root = path.join(import.meta.dirname, '..');
const pages = ['README.md', 'operator/README.md', 'proxy/README.md'];
const place = /(?<![\w./-])((?:operator|proxy|hack|test|config|crds)\/[\w./-]*\w)/g;

describe.each(pages)('%s', (page) => {
  // Shell blocks make files of their own; they are run, not read.
  const text = readFileSync(path.join(root, page), 'utf8').replaceAll(/^```sh[^]*?^```$/gm, '');

  it('names only files and folders that are there', () => {
    const named = [...text.matchAll(place)].map((match) => match[1] ?? '');
    expect(named.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
    expect(named.length).toBeGreaterThan(3);
  });
});

describe('the shell blocks of a page', () => {
  it('are found with their flags, and other languages are not', () => {
    const text = 'a\n```sh serve\nx\n```\n```yaml\ny\n```\n```sh\nz\n1\n```\n';
    expect(shellBlocks(text)).toEqual([
      { line: 2, flags: ['serve'], text: 'x' },
      { line: 8, flags: [], text: 'z\n1' },
    ]);
  });
});
