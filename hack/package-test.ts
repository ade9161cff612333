// `npm run test:package`: what a user installs. Packs the project, installs the tarball into an empty folder, starts
// the published `easegress` there with one manifest and asks it. Also shows what an old Node is told.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '#test/bench/processes.ts';

const root = path.join(import.meta.dirname, '..');
const work = mkdtempSync(path.join(tmpdir(), 'package-'));

try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', work], { cwd: root });
  writeFileSync(path.join(work, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', ...packed()], { cwd: work });
  const bin = path.join(work, 'node_modules', '.bin', 'easegress');
  const version = execFileSync(bin, ['version'], { encoding: 'utf8' }).trim();
  console.log(`installed: ${version}`);
  oldNode(path.join(work, 'node_modules', 'easegress', 'dist', 'easegress.js'));
  for (const threads of ['0', '2']) await serve(bin, threads);
  console.log('package: 4 passed, 0 failed');
} finally {
  rmSync(work, { recursive: true, force: true });
}

function packed(): string[] {
  const names = execFileSync('ls', [work], { encoding: 'utf8' }).split('\n');
  return names.filter((name) => name.endsWith('.tgz')).map((name) => `./${name}`);
}

/** Debian's or the system's own Node, where there is an old one. */
function oldNode(file: string): void {
  const candidates = ['/usr/local/bin/node', '/usr/bin/node'].filter((candidate) => existsSync(candidate));
  const old = candidates.find(
    (candidate) => Number(execFileSync(candidate, ['-p', 'process.versions.node.split(".")[0]'])) < 24,
  );
  if (old === undefined) {
    console.log('no old Node on this machine: its message was not tried');
    return;
  }
  try {
    execFileSync(old, [file, 'version'], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const text = String((error as { stderr?: string }).stderr).trim();
    if (/^easegress needs Node 24\.12 or newer; this is Node [\d.]+$/.test(text))
      return console.log(`old Node is told: ${text}`);
    throw new Error(`an old Node is told: ${text}`, { cause: error });
  }
  throw new Error('an old Node started it');
}

async function serve(bin: string, threads: string): Promise<void> {
  const port = await freePort();
  const folder = path.join(work, `manifests-${threads}`);
  mkdirSync(folder);
  writeFileSync(
    path.join(folder, 'hello.yaml'),
    `kind: HTTPServer
name: hello
port: ${port}
address: 127.0.0.1
rules: [{ paths: [{ backend: hello }] }]
---
kind: Pipeline
name: hello
filters: [{ name: mock, kind: Mock, rules: [{ match: {}, code: 200, body: hello }] }]
`,
  );
  const args = ['run', '-f', folder, '--threads', threads, '--admin', '127.0.0.1:0', '--access-log', 'off'];
  const child = spawn(bin, args, { cwd: work, stdio: 'inherit' });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const body = await firstAnswer(port);
    if (body !== 'hello') throw new Error(`the answer was ${body}`);
  } finally {
    child.kill('SIGINT');
  }
  const code = await Promise.race([closed, sleep(15_000, 'late' as const)]);
  if (code !== 0) throw new Error(`it ended with ${code}`);
  console.log(`served with ${threads} threads and ended with 0`);
}

async function firstAnswer(port: number): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      if (response.status === 200) return await response.text();
    } catch {
      // not listening yet
    }
    await sleep(50);
  }
  throw new Error('no answer within 10 s');
}
