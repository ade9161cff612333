import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortTaken, start } from '#hack/start.ts';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'start-test-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A port that is free, and free again 10,000 above it. */
async function pairOfPorts(): Promise<number> {
  for (;;) {
    const low = createServer().listen(0, '127.0.0.1');
    await once(low, 'listening');
    const { port } = low.address() as AddressInfo;
    low.close();
    await once(low, 'close');
    if (port < 55_000) return port;
  }
}

function manifests(port: number, upstream: number, path: string): string {
  return `
kind: HTTPServer
name: web
port: ${port}
rules:
- paths:
  - pathPrefix: ${path}
    backend: echo
---
kind: Pipeline
name: echo
filters:
- name: proxy
  kind: Proxy
  pools:
  - servers: [{ url: "http://127.0.0.1:${upstream}" }]
`;
}

/** Lines as they come, and a wait for one that contains a text. */
function lines(): { print: (text: string) => void; all: string[]; until: (text: string) => Promise<void> } {
  const all: string[] = [];
  let wake = Promise.withResolvers<void>();
  return {
    all,
    print(text) {
      all.push(text);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    async until(text) {
      while (!all.some((line) => line.includes(text))) await wake.promise;
    },
  };
}

describe('npm start', () => {
  it('serves a folder through two proxies, follows an edit, tells what is wrong, and leaves nothing behind', async () => {
    await using echo = await startEchoUpstream('echo');
    const port = await pairOfPorts();
    const file = join(dir, 'web.yaml');
    await writeFile(file, manifests(port, echo.port, '/old'));
    const before = await readdir(tmpdir());
    const { print, all, until } = lines();
    const ctrlC = new AbortController();
    const running = start({ files: dir, echoPorts: [0], print }, ctrlC.signal);
    await Promise.race([until('Ctrl-C ends it'), running]);
    const ports = [port, port + 10_000];
    for (const each of ports) {
      const answer = await fetch(`http://127.0.0.1:${each}/old/x`);
      expect([answer.status, ((await answer.json()) as { url: string }).url]).toEqual([200, '/old/x']);
    }
    expect(all.join('\n')).toMatch(new RegExp(`curl -i http://127.0.0.1:${port + 10_000}/old`));

    await writeFile(file, manifests(port, echo.port, '/new'));
    for (const each of ports) {
      while ((await fetch(`http://127.0.0.1:${each}/new`)).status !== 200)
        await new Promise((turn) => setImmediate(turn));
      expect((await fetch(`http://127.0.0.1:${each}/old`)).status).toBe(404);
    }
    await writeFile(join(dir, 'more.yaml'), 'kind: Pipeline\nname: [');
    await until('InvalidYaml');

    ctrlC.abort();
    await running;
    for (const each of ports) await expect(fetch(`http://127.0.0.1:${each}/new`)).rejects.toThrow();
    const left = (await readdir(tmpdir())).filter(
      (name) => name.startsWith('easegress-start-') && !before.includes(name),
    );
    expect(left).toEqual([]);
    expect(existsSync(file)).toBe(true);
  });

  it('says which port is taken and what to do', async () => {
    const taken = createServer().listen(0, '::');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      await writeFile(join(dir, 'web.yaml'), manifests(port, 1, '/'));
      const running = start({ files: dir, echoPorts: [0], print: () => {} }, new AbortController().signal);
      await expect(running).rejects.toThrow(PortTaken);
      await expect(running).rejects.toThrow(`port ${port} is in use: proxy 1 would listen on it; end the process`);
    } finally {
      taken.close();
    }
  });
});
