import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeSink } from '#test/support/fake-sink.ts';
import { silent, sourceFor } from '#test/support/push-operator.ts';
import { startOperator, type Operator } from './main.ts';
import { readOperatorSettings } from './settings.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'easegress-operator-'));
  await writeFile(join(dir, 'web.yaml'), manifest('/a'));
});
afterEach(() => rm(dir, { recursive: true }));

const canary = 'canary-of-a-private-key';

function manifest(path: string): string {
  return `
kind: HTTPServer
name: web
port: 8080
rules:
- paths:
  - pathPrefix: ${path}
    backend: hello
---
kind: Pipeline
name: hello
filters:
- { name: mock, kind: Mock, rules: [{ match: { pathPrefix: / }, code: 200, body: hello }] }
---
kind: Pipeline
name: secret
filters:
- name: proxy
  kind: Proxy
  mtls: { certBase64: YQ==, keyBase64: ${Buffer.from(canary).toString('base64')}, rootCertBase64: YQ== }
  pools:
  - servers: [{ url: "http://127.0.0.1:1" }]
`;
}

function operator(print: (line: string) => void = () => {}): Promise<Operator> {
  const flags = [
    '--files',
    dir,
    '--state-dir',
    join(dir, 'state'),
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
  ];
  return startOperator(readOperatorSettings([...flags, '--debug-port', '0'], {}), { log: silent, print });
}

async function page(port: number, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
}

describe('an operator over files', () => {
  it('does not start without its folder, because proxies would drop what they have', async () => {
    const flags = ['--files', join(dir, 'missing'), '--state-dir', join(dir, 'state'), '--listen', '127.0.0.1:0'];
    const started = startOperator(readOperatorSettings(flags, {}), { log: silent, print: () => {} });
    await expect(started).rejects.toThrow('missing cannot be reached (ENOENT); create the folder or correct --files');
  });

  it('pushes what it compiled to a proxy, and an edit as a change', async () => {
    await using running = await operator();
    const ca = await readFile(join(dir, 'state', 'ca.pem'), 'utf8');
    const readToken = (): Promise<string> => readFile(join(dir, 'state', 'token'), 'utf8');
    const sink = new FakeSink();
    await using source = sourceFor({ port: running.push.port, ca }, { readToken });
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect([...sink.units.keys()]).toContain('pipeline/default/hello');
    await writeFile(join(dir, 'web.yaml'), manifest('/b'));
    await sink.until(() => sink.applied.length === 2);
    expect(sink.applied[1]?.upserts.map((unit) => unit.kind)).toEqual(['rule']);
  });

  it('shows units, objects, sessions and status, without secrets, and counts', async () => {
    await using running = await operator();
    const pages = await Promise.all(
      ['units', 'objects', 'sessions', 'status', 'units?name=pipeline/default/hello'].map((name) =>
        page(running.debugPort, `debug/${name}`),
      ),
    );
    const [units = '', objects = '', sessions = '', status = '', one = ''] = pages;
    expect(units).toContain('pipeline/default/secret');
    expect(objects).toContain('<redacted>');
    expect(pages.join('')).not.toContain(Buffer.from(canary).toString('base64'));
    expect(pages.join('')).not.toContain(canary);
    expect(JSON.parse(sessions)).toEqual([]);
    expect(JSON.parse(status)).toHaveLength(3);
    expect(JSON.parse(one)).toHaveLength(1);
    expect(await page(running.adminPort, 'metrics')).toContain('easegress_operator_sessions 0');
    expect(await page(running.adminPort, 'readyz')).toBe('ok\n');
  });
});
