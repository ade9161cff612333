import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { startAdmin, type Admin } from './admin.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';

let admin: Admin | null = null;
let reason: string | null = null;

async function start(debugPort: number | null = 0): Promise<Admin> {
  const metrics = createMetrics();
  metrics.gauge({ name: 'easegress_x', help: 'X.' }, () => 1);
  admin = await startAdmin({ address: { host: '127.0.0.1', port: 0 }, debugPort, metrics, notReady: () => reason });
  return admin;
}

function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, method }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (body += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

afterEach(async () => {
  await admin?.[Symbol.asyncDispose]();
  admin = null;
  reason = null;
});

describe('the admin pages', () => {
  it('are healthy always and ready when asked-for says so', async () => {
    const { port } = await start();
    expect((await get(port, '/healthz')).status).toBe(200);
    expect((await get(port, '/readyz')).status).toBe(200);
    reason = 'no units yet';
    expect(await get(port, '/readyz')).toEqual({ status: 503, body: 'no units yet\n' });
    expect((await get(port, '/healthz')).status).toBe(200);
  });

  it('show metrics as text', async () => {
    const { port } = await start();
    expect((await get(port, '/metrics')).body).toContain('easegress_x 1\n');
  });

  it('take a bounded number of connections, so that traffic always has descriptors left', async () => {
    const { port, debugPort } = await start();
    for (const to of [port, debugPort]) {
      const idle: Socket[] = [];
      for (let i = 0; i < 256; i++) {
        const socket = connect(to, '127.0.0.1');
        idle.push(socket);
        await once(socket, 'connect');
      }
      // The oldest makes room, so that a probe is answered however many connections are held open.
      const turnedOut = once((idle.shift() as Socket).resume(), 'close');
      expect((await get(to, '/nothing')).status).toBe(404);
      await turnedOut;
      for (const socket of idle) socket.destroy();
    }
  });

  it('show registered debug pages on the second listener only', async () => {
    const { port, debugPort } = await start();
    admin?.debug('units', (query) => ({ asked: query['name'] }));
    expect(JSON.parse((await get(debugPort, '/debug/units?name=a')).body)).toEqual({ asked: 'a' });
    expect((await get(debugPort, '/debug/other')).status).toBe(404);
    expect((await get(debugPort, '/debug')).body).toContain('/debug/units');
    expect((await get(port, '/debug/units')).status).toBe(404);
  });

  it('refuse debug pages to a foreign host name', async () => {
    const { debugPort } = await start();
    admin?.debug('units', () => 'x');
    expect((await get(debugPort, '/debug/units', { host: 'evil.example' })).status).toBe(403);
  });

  it('do something only when it is posted, and not for a page in a browser', async () => {
    const { debugPort } = await start();
    let done = 0;
    admin?.action('do', () => Promise.resolve(++done));
    expect((await get(debugPort, '/debug/do')).status).toBe(404);
    expect((await get(debugPort, '/debug/do', { origin: 'http://evil.example' }, 'POST')).status).toBe(403);
    expect(done).toBe(0);
    expect(await get(debugPort, '/debug/do', {}, 'POST')).toEqual({ status: 200, body: '1\n' });
  });

  it.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['same-origin', 200],
    ['none', 200],
  ])('answer a browser that says the request is %s with %d', async (site, status) => {
    const { debugPort } = await start();
    expect((await get(debugPort, '/debug', { 'sec-fetch-site': site })).status).toBe(status);
  });

  it('survive a number that cannot be read', async () => {
    const metrics = createMetrics();
    metrics.gauge({ name: 'easegress_x', help: 'X.' }, () => {
      throw new Error('broken');
    });
    const address = { host: '127.0.0.1', port: 0 };
    admin = await startAdmin({ address, debugPort: null, metrics, notReady: () => null });
    expect((await get(admin.port, '/metrics')).status).toBe(500);
    expect((await get(admin.port, '/healthz')).status).toBe(200);
  });

  it('have no debug listener when it is off', async () => {
    expect((await start(null)).debugPort).toBe(0);
  });
});

describe('the log', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };

  for (const format of ['json', 'text'] as const) {
    it(`takes credentials out of ${format} lines`, () => {
      lines.length = 0;
      const log = createLogger({ level: 'info', format, destination });
      log.info({ token: 'canary-1', headers: { authorization: 'canary-2' }, listener: 'a b' }, 'hello');
      log.debug({}, 'not shown');
      expect(lines.length).toBe(1);
      expect(lines[0]).not.toContain('canary');
      expect(lines[0]).toContain('hello');
      expect(lines[0]).toContain('a b');
    });
  }
});
