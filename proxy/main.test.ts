import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logTo } from '#proxy/process/log.ts';
import type { UnitSink, UnitSource } from '#proxy/sources/source.ts';
import { listenerUnit, ownerUnit, ruleUnit } from '#test/support/units.ts';
import { mockPipeline, wire } from '#test/support/wire-units.ts';
import { startProxy, type Proxy } from './main.ts';
import { readProxySettings } from './settings.ts';

let dir = '';
const open: AsyncDisposable[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'proxy-'));
});
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

const listener = 'listener/default/127.0.0.1:0';

function units(port = 0): ReturnType<typeof wire>[] {
  return [
    wire(listenerUnit(listener, { address: '127.0.0.1', port })),
    wire(ownerUnit('owner/a', listener, { rules: ['rule/a'] })),
    wire(ruleUnit('rule/a', ['pipeline/a'])),
    mockPipeline('pipeline/a', 'hello'),
  ];
}

/** An operator that a test speaks for. */
class TestSource implements UnitSource {
  sink: UnitSink | null = null;

  start(sink: UnitSink): Promise<void> {
    this.sink = sink;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

async function start(source: UnitSource, flags: string[] = []): Promise<Proxy> {
  const fixed = ['--threads', '0', '--admin', '127.0.0.1:0', '--debug-port', '0', '--grace', '0s'];
  const settings = readProxySettings([...fixed, '--access-log', path.join(dir, 'access.log'), ...flags], {});
  const proxy = await startProxy(settings, { source: () => source, log: logTo(() => undefined) });
  open.push(proxy);
  return proxy;
}

async function page(port: number, name: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${name}`);
  return { status: answer.status, text: await answer.text() };
}

describe('a proxy', () => {
  it('is ready once an operator has told it something, and shows what it has', async () => {
    const source = new TestSource();
    const { admin, runtime } = await start(source);
    expect(await page(admin.port, '/readyz')).toEqual({ status: 503, text: 'waiting for an operator\n' });
    await source.sink?.apply({ version: '1', upserts: units(), removes: [] });
    expect((await page(admin.port, '/readyz')).status).toBe(200);
    const port = runtime.addressOf(listener)?.port ?? 0;
    expect(await page(port, '/0')).toEqual({ status: 200, text: 'hello' });
    expect(JSON.parse((await page(admin.debugPort, '/debug/units?kind=pipeline')).text)).toMatchObject({
      version: '1',
      count: 4,
      units: [{ name: 'pipeline/a' }],
      rejected: [],
    });
    expect(JSON.parse((await page(admin.debugPort, '/debug/threads')).text)).toMatchObject({ serving: 1 });
  });

  it('shows metrics that agree with its access log', async () => {
    const source = new TestSource();
    const proxy = await start(source, ['--access-log-format', 'json']);
    await source.sink?.apply({ version: '1', upserts: units(), removes: [] });
    const port = proxy.runtime.addressOf(listener)?.port ?? 0;
    for (let i = 0; i < 5; i++) await page(port, i < 4 ? '/0' : '/nowhere');
    const { text } = await page(proxy.admin.port, '/metrics');
    expect(text).toContain('easegress_http_requests_total{listener="default/127.0.0.1:0",code_class="2xx"} 4\n');
    expect(text).toContain('easegress_http_requests_total{listener="default/127.0.0.1:0",code_class="4xx"} 1\n');
    expect(text).toContain('easegress_pipeline_requests_total{pipeline="a",code_class="2xx"} 4\n');
    expect(text).toContain('easegress_http_errors_total{code="NoRoute",layer="router"} 1\n');
    expect(text).toContain('easegress_http_errors_total{code="Internal",layer="internal"} 0\n');
    expect(text).toContain('easegress_proxy_stale 0\n');
    expect(text).toContain('easegress_proxy_units 4\n');
    await proxy.drain();
    const lines = (await readFile(path.join(dir, 'access.log'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Record<string, unknown>)['http.response.status_code'])).toEqual([
      200, 200, 200, 200, 404,
    ]);
  });

  it('has help and type for every metric, a unit in the name of every one that has one', async () => {
    const { admin } = await start(new TestSource());
    const { text } = await page(admin.port, '/metrics');
    const own = text.split('\n').filter((line) => line.startsWith('# TYPE easegress_'));
    expect(own.length).toBeGreaterThan(20);
    for (const line of own) {
      const [, , name = '', type = ''] = line.split(' ');
      expect(text).toMatch(new RegExp(`# HELP ${name} [A-Z0-9].*\\.\n`));
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    expect(new Set(own).size).toBe(own.length);
  });

  it('says clearly what is missing', async () => {
    const settings = readProxySettings(['--admin', '127.0.0.1:0', '--threads', '0'], {});
    await expect(startProxy(settings, { log: logTo(() => undefined) })).rejects.toThrow(
      'one of --operator and --units is needed',
    );
  });
});

describe('a proxy that is asked to end', () => {
  /** Starts a process over a file of units and waits until it serves. */
  async function spawnProxy(flags: string[]): Promise<{ child: ChildProcess; port: number; log: string[] }> {
    const probe = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const file = path.join(dir, 'units.json');
    await writeFile(file, JSON.stringify({ version: '1', units: units(port) }));
    const script = path.join(import.meta.dirname, '..', 'operator', 'cli.ts');
    const fixed = ['proxy', '--units', file, '--threads', '1', '--admin', '127.0.0.1:0', '--access-log', 'off'];
    const child = spawn(process.execPath, [script, ...fixed, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    open.push({
      async [Symbol.asyncDispose]() {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      },
    });
    const log: string[] = [];
    const started = Promise.withResolvers<void>();
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      log.push(line);
      if (line.includes('proxy has started')) started.resolve();
    });
    child.once('exit', () => started.reject(new Error(log.join('\n'))));
    await started.promise;
    return { child, port, log };
  }

  it('ends with 0, after requests under way have their answer', async () => {
    const { child, port } = await spawnProxy(['--grace', '0s', '--deadline', '10s']);
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('GET /0 HTTP/1.1\r\nHost: a\r\n');
    await once(socket, 'connect');
    child.kill('SIGTERM');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write('\r\n');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1.1 200 /);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('still accepts during the grace period, and ends at once at a second signal', async () => {
    const { child, port, log } = await spawnProxy(['--grace', '1h', '--deadline', '2h']);
    child.kill('SIGTERM');
    while (!log.some((line) => line.includes('proxy is ending')))
      await once(child.stderr as NodeJS.ReadableStream, 'data');
    expect(await page(port, '/0')).toEqual({ status: 200, text: 'hello' });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([1, null]);
  });

  it('opens its access log anew by SIGUSR1 and by SIGHUP, in every thread', async () => {
    const access = path.join(dir, 'access.log');
    const { child, port, log } = await spawnProxy(['--access-log', access, '--threads', '2']);
    for (const signal of ['SIGUSR1', 'SIGHUP'] as const) {
      await page(port, `/before-${signal}`);
      for (let lines = ''; !lines.includes(`/before-${signal}`);) lines = await readFile(access, 'utf8');
      await rename(access, `${access}.${signal}`);
      const opened = log.length + 1;
      child.kill(signal);
      while (log.length < opened) await once(child.stderr as NodeJS.ReadableStream, 'data');
      // Both threads have some of so many connections.
      await Promise.all(Array.from({ length: 20 }, () => page(port, `/after-${signal}`)));
      for (let lines = ''; lines.split(`/after-${signal}`).length !== 21;) {
        lines = await readFile(access, 'utf8').catch(() => '');
      }
      expect(await readFile(`${access}.${signal}`, 'utf8')).not.toContain(`/after-${signal}`);
    }
    expect(child.exitCode).toBe(null);
  });
});
