import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { ask, get } from '#test/support/answers.ts';
import { manifest, mock, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld } from '#test/support/world.ts';

const cli = path.join(import.meta.dirname, '..', '..', 'operator', 'cli.ts');

const startFile = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const restricted = process.platform !== 'linux' || Number(readFileSync(startFile, 'utf8')) > 81;

describe('a port', () => {
  it('in use by another process: told on the object, the neighbour serves, and it heals when freed', async () => {
    const [port, taken] = [await reservePort(), await reservePort()];
    const script = `require('node:net').createServer().listen(${taken}, '127.0.0.1', () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(createInterface({ input: other.stdout }), 'line');
      const web = manifest(
        server('good', port, [route('/', 'good')]),
        server('late', taken, [route('/', 'good')]),
        mock('good', 'good'),
      );
      await using world = await startWorld({ manifests: { 'web.yaml': web }, retryMs: 50 });
      await world.until('it is told', () => world.condition('HTTPServer late', 'Programmed').status === 'False');
      expect(world.condition('HTTPServer late', 'Programmed')).toMatchObject({
        reason: 'PortInUse',
        message: expect.stringContaining(`spec.port: another process listens on 127.0.0.1:${taken}`),
      });
      expect(world.condition('HTTPServer late', 'Accepted').status).toBe('True');
      expect((await world.get(port, '/')).body).toBe('good');
      expect(world.proxy().runtime.notReady()).toBe(null);

      other.kill();
      await once(other, 'exit');
      await world.until('it heals', () => world.condition('HTTPServer late', 'Programmed').status === 'True');
      expect((await world.get(taken, '/')).body).toBe('good');
    } finally {
      other.kill();
    }
  });

  it('of another proxy on this machine: the first keeps every connection', async () => {
    const port = await reservePort();
    const manifests = (body: string) => ({
      'web.yaml': manifest(server('web', port, [route('/', 'a')]), mock('a', body)),
    });
    await using first = await startWorld({ manifests: manifests('first'), threads: 1 });
    await using second = await startWorld({ manifests: manifests('second'), threads: 1 });
    await second.until('it is told', () => second.condition('HTTPServer web', 'Programmed').status === 'False');
    expect(second.condition('HTTPServer web', 'Programmed')).toMatchObject({
      reason: 'PortInUse',
      message: expect.stringContaining('another proxy'),
    });
    const bodies = await Promise.all(Array.from({ length: 20 }, async () => (await first.get(port, '/')).body));
    expect(new Set(bodies)).toEqual(new Set(['first']));
  });

  it("of an address that is not this machine's: told on the object, and the neighbour serves", async () => {
    const [port, elsewhere] = [await reservePort(), await reservePort()];
    const web = manifest(
      server('good', port, [route('/', 'good')]),
      server('elsewhere', elsewhere, [route('/', 'good')], { address: '192.0.2.1' }),
      mock('good', 'good'),
    );
    await using world = await startWorld({ manifests: { 'web.yaml': web } });
    await world.until('it is told', () => world.condition('HTTPServer elsewhere', 'Programmed').status === 'False');
    expect(world.condition('HTTPServer elsewhere', 'Programmed')).toMatchObject({
      reason: 'PortNotPermitted',
      message: expect.stringContaining('192.0.2.1 is no address of this machine'),
    });
    expect((await world.get(port, '/')).body).toBe('good');
  });

  // Where the system restricts nothing (a container may set it so), there is nothing to see.
  it.skipIf(!restricted)('below 1024 without the right: told, and the neighbour serves', async () => {
    // A process of its own, because the right belongs to the user.
    const port = await reservePort();
    const dir = mkdtempSync(path.join(tmpdir(), 'easegress-port-'));
    const web = manifest(
      server('good', port, [route('/', 'good')]),
      server('low', 81, [route('/', 'good')]),
      mock('good', 'good'),
    );
    writeFileSync(path.join(dir, 'web.yaml'), web);
    const flags = ['--threads', '0', '--admin', '127.0.0.1:0', '--access-log', 'off', '--log-level', 'error'];
    const node = [process.execPath, cli, 'run', '-f', dir, ...flags];
    // The user root has the right by a capability, which its children can be denied.
    const unable = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-net_bind_service', ...node] : node;
    const [command = '', ...rest] = unable;
    const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      for await (const line of createInterface({ input: child.stderr })) {
        if (!line.includes('HTTPServer default/low')) continue;
        expect(line).toContain('not programmed (PortNotPermitted)');
        expect(line).toContain('spec.port: this process has no right to listen on 127.0.0.1:81');
        break;
      }
      expect((await ask(port, get('/'))).body).toBe('good');
    } finally {
      child.kill('SIGKILL');
      rmSync(dir, { recursive: true });
    }
  });
});
