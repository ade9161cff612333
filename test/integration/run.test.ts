import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';

const cli = join(import.meta.dirname, '..', '..', 'operator', 'cli.ts');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function manifest(port: number, body: string): string {
  return `
kind: HTTPServer
name: web
port: ${port}
rules:
- paths: [{ pathPrefix: /, backend: hello }]
---
kind: Pipeline
name: hello
filters:
- { name: mock, kind: Mock, rules: [{ match: {}, code: 200, body: ${body} }] }
`;
}

async function text(url: string): Promise<string> {
  const answer = await fetch(url).catch(() => null);
  return (await answer?.text()) ?? '';
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((turn) => setTimeout(turn, 20));
}

async function stderrLine(child: ChildProcess, part: string): Promise<void> {
  if (child.stderr === null) throw new Error('standard error is a pipe');
  for await (const line of createInterface({ input: child.stderr })) if (line.includes(part)) return;
}

describe('easegress run', () => {
  it('serves a folder in one process, follows an edit, shows both halves’ pages and ends by SIGTERM with code 0', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'easegress-run-'));
    const [port, debugPort] = [await freePort(), await freePort()];
    await writeFile(join(dir, 'web.yaml'), manifest(port, 'first'));
    const flags = ['--threads', '1', '--admin', '127.0.0.1:0', '--debug-port', String(debugPort), '--grace', '0s'];
    const child = spawn(process.execPath, [cli, 'run', '-f', dir, '--access-log', 'off', ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      await stderrLine(child, 'proxy has started');
      await until(async () => (await text(`http://127.0.0.1:${port}/`)) === 'first');
      await writeFile(join(dir, 'web.yaml'), manifest(port, 'second'));
      await until(async () => (await text(`http://127.0.0.1:${port}/`)) === 'second');
      const pages = await Promise.all(
        ['objects', 'status', 'sessions', 'units', `explain?url=http://a.test:${port}/x`].map((page) =>
          text(`http://127.0.0.1:${debugPort}/debug/${page}`),
        ),
      );
      const [objects = '', status = '', sessions = '', units = '', explain = ''] = pages;
      expect(JSON.parse(objects)).toHaveLength(2);
      expect(status).toContain('Programmed');
      expect(JSON.parse(sessions)).toEqual([expect.objectContaining({ identity: 'proxy', phase: 'open' })]);
      expect(units).toContain('pipeline/default/hello');
      expect(JSON.parse(explain)).toMatchObject({ answer: 'served by pipeline/default/hello' });
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
      await rm(dir, { recursive: true });
    }
  });
});
