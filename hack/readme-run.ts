// Runs every fenced shell block of the README as written, in order, each with `bash -e` in a fresh clone, so that the
// README cannot drift. A block whose fence says `sh cluster` needs a cluster and is left to that ring (none may be
// skipped otherwise). A block that ends in `&`-less `npm start` is a server: the blocks after it, up to one that says
// `sh stop`, run while it serves, and it must then end by Ctrl-C (SIGINT) with code 0.

import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';

export interface Block {
  readonly line: number;
  readonly flags: readonly string[];
  readonly text: string;
}

/** The fenced blocks of a Markdown text that a shell would run. */
export function shellBlocks(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; flags: string[]; lines: string[] } | null = null;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
    } else if (open === null) {
      open = { line: index + 1, flags: (fence[1] ?? '').trim().split(/\s+/), lines: [] };
    } else {
      const [language = ''] = open.flags;
      if (['sh', 'shell', 'bash', 'console'].includes(language)) {
        blocks.push({ line: open.line, flags: open.flags.slice(1), text: open.lines.join('\n') });
      }
      open = null;
    }
  }
  return blocks;
}

async function main(readme: string): Promise<void> {
  const cwd = path.dirname(path.resolve(readme));
  let server: ChildProcess | null = null;
  let failed = 0;
  const blocks = shellBlocks(readFileSync(readme, 'utf8'));
  for (const block of blocks) {
    const title = `README line ${block.line}`;
    if (block.flags.includes('cluster')) {
      console.log(`${title}: left to the cluster ring`);
      continue;
    }
    try {
      if (block.flags.includes('serve')) server = await startServer(block.text, cwd);
      else await runBlock(block.text, cwd);
      console.log(`${title}: ok`);
      if (block.flags.includes('stop') && server !== null) {
        const ending = server;
        server = null;
        await stopServer(ending);
        console.log(`${title}: the server ended cleanly`);
      }
    } catch (error) {
      failed++;
      console.log(`${title}: FAILED: ${error instanceof Error ? error.message : String(error)}\n${block.text}`);
    }
  }
  if (server !== null) await stopServer(server);
  console.log(`readme: ${blocks.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && blocks.length > 0 ? 0 : 1;
}

function runBlock(text: string, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', text], { cwd, stdio: 'inherit', timeout: 600_000 });
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
  });
}

/** Starts a block that serves and waits until it says so (its last line tells how to end it). */
async function startServer(text: string, cwd: string): Promise<ChildProcess> {
  const child = spawn('bash', ['-c', text], { cwd, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data.toString();
    process.stdout.write(data);
  });
  for (let tenths = 0; tenths < 3000; tenths++) {
    if (/^Ctrl-C ends it/m.test(output)) return child;
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before it was ready`);
    await sleep(100);
  }
  throw new Error('not ready after 300 s');
}

/** Ctrl-C reaches the whole process group, as it does in a terminal. */
async function stopServer(child: ChildProcess): Promise<void> {
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  const code = await Promise.race([closed, sleep(60_000, 'late' as const)]);
  if (code !== 0 && code !== 130) throw new Error(`the server ended with ${code}`);
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2] ?? 'README.md');
