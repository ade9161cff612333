import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { WireUnit } from '#proxy/contract/messages.ts';
import { logTo } from '#proxy/process/log.ts';
import { listenerUnit, ownerUnit, ruleUnit } from '#test/support/units.ts';
import { brokenPipeline, mockPipeline, wire } from '#test/support/wire-units.ts';
import { startServing, type Serving, type ServingSettings } from './serving.ts';

const settings: ServingSettings = {
  threads: 0,
  stateDir: '',
  portOffset: 0,
  accessLog: 'off',
  accessLogFormat: 'text',
  trustedPeers: [],
  restrictUpstreams: false,
  allowUpstreams: [],
  grace: 50,
  maxSeries: 100,
};

const listenerName = 'listener/default/127.0.0.1:0';
const lines: string[] = [];
const log = logTo((_level, _fields, message) => lines.push(message));
let serving: Serving | null = null;
let fatal: Error | null = null;

async function start(changed: Partial<ServingSettings>): Promise<Serving> {
  lines.length = 0;
  fatal = null;
  serving = await startServing({ ...settings, ...changed }, log, (error) => (fatal = error));
  return serving;
}

afterEach(async () => {
  await serving?.runtime[Symbol.asyncDispose]();
  serving = null;
});

function world(body = 'one'): WireUnit[] {
  return [
    wire(listenerUnit(listenerName, { address: '127.0.0.1', port: 0 })),
    wire(ownerUnit('owner/web', listenerName, { rules: ['rule/web/0'] })),
    wire(ruleUnit('rule/web/0', ['pipeline/a', 'pipeline/missing'])),
    mockPipeline('pipeline/a', body),
  ];
}

function portOf({ runtime }: Serving): number {
  return runtime.addressOf(listenerName)?.port ?? 0;
}

/** A new connection each time, so that the kernel spreads them over the threads. */
async function get(running: Serving, path: string): Promise<{ status: number; body: string }> {
  const socket = connect({ host: '127.0.0.1', port: portOf(running) });
  socket.end(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'close');
  return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf('\r\n\r\n') + 4) };
}

async function getMany(running: Serving, path: string): Promise<Set<string>> {
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(running, path)));
  return new Set(answers.map(({ status, body }) => `${status} ${body}`));
}

describe.each([0, 2])('serving with %i data threads', (threads) => {
  it('serves what it was given, and 503 where a pipeline has not come', async () => {
    const running = await start({ threads });
    const { rejected, version } = await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    expect({ rejected, version }).toEqual({ rejected: [], version: '1' });
    expect(await getMany(running, '/0')).toEqual(new Set(['200 one']));
    expect(await getMany(running, '/1')).toEqual(new Set(['503 ']));
    expect(await getMany(running, '/other')).toEqual(new Set(['404 ']));
  });

  it('serves a changed pipeline at once in every thread, and one that comes late', async () => {
    const running = await start({ threads });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    const late = [mockPipeline('pipeline/a', 'two'), mockPipeline('pipeline/missing', 'late')];
    await running.runtime.apply({ version: '2', upserts: late, removes: [] });
    expect(await getMany(running, '/0')).toEqual(new Set(['200 two']));
    expect(await getMany(running, '/1')).toEqual(new Set(['200 late']));
    await running.runtime.apply({ version: '3', upserts: [], removes: ['pipeline/a'] });
    expect(await getMany(running, '/0')).toEqual(new Set(['503 ']));
  });

  it('keeps the previous build of a rejected unit and takes the rest', async () => {
    const running = await start({ threads });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    const { rejected } = await running.runtime.apply({
      version: '2',
      upserts: [brokenPipeline('pipeline/a'), mockPipeline('pipeline/missing', 'fine')],
      removes: [],
    });
    expect(rejected.map(({ unit, diagnostics }) => [unit, diagnostics[0]?.code])).toEqual([
      ['pipeline/a', 'UnsupportedByProxy'],
    ]);
    expect(await getMany(running, '/0')).toEqual(new Set(['200 one']));
    expect(await getMany(running, '/1')).toEqual(new Set(['200 fine']));
    // The rejection stands in later verdicts until the unit changes.
    expect((await running.runtime.apply({ version: '3', upserts: [], removes: [] })).rejected.length).toBe(1);
    const healed = await running.runtime.apply({
      version: '4',
      upserts: [mockPipeline('pipeline/a', 'healed')],
      removes: [],
    });
    expect(healed.rejected).toEqual([]);
    expect(await getMany(running, '/0')).toEqual(new Set(['200 healed']));
  });

  it('counts every request once', async () => {
    const running = await start({ threads });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    await getMany(running, '/0');
    await getMany(running, '/1');
    const page: string[] = [];
    running.series.collect(page);
    const text = page.join('');
    expect(text).toContain('easegress_http_requests_total{listener="default/127.0.0.1:0",code_class="2xx"} 20\n');
    expect(text).toContain('easegress_http_requests_total{listener="default/127.0.0.1:0",code_class="5xx"} 20\n');
    expect(text).toContain('easegress_route_requests_total{route="web/0",code_class="2xx"} 20\n');
    expect(text).toContain('easegress_pipeline_requests_total{pipeline="a",code_class="2xx"} 20\n');
  });

  it('answers 404 and closes for the grace period when a listener is removed', async () => {
    const running = await start({ threads });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    const socket = connect({ host: '127.0.0.1', port: portOf(running) });
    await once(socket, 'connect');
    await running.runtime.apply({ version: '2', upserts: [], removes: [listenerName] });
    socket.write('GET /0 HTTP/1.1\r\nHost: a\r\n\r\n');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1.1 404 /);
    expect(text).toMatch(/connection: close/i);
  });

  it('drains: a request under way ends, a new connection is refused afterwards', async () => {
    const running = await start({ threads });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    const port = portOf(running);
    expect(running.runtime.notReady()).toBeNull();
    const draining = running.runtime.drain(0, 5000);
    expect(running.runtime.notReady()).toBe('shutting down');
    await draining;
    const socket = connect({ host: '127.0.0.1', port });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});

describe('serving with data threads', () => {
  it('loses only the thread in which an error is not caught', async () => {
    const running = await start({ threads: 2 });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    running.runtime.threads.crash(0);
    while (running.runtime.threads.serving === 2) await new Promise((resolve) => setImmediate(resolve));
    expect(await getMany(running, '/0')).toEqual(new Set(['200 one']));
    await running.runtime.threads.started();
    expect(lines).toContain('data thread ended');
    expect((await running.runtime.threads.measure()).length).toBe(2);
  });

  it('starts a thread again that was killed, with the whole table', async () => {
    const running = await start({ threads: 2 });
    await running.runtime.apply({ version: '1', upserts: world(), removes: [] });
    await running.runtime.threads.kill(0);
    expect(running.runtime.threads.serving).toBe(1);
    expect(await getMany(running, '/0')).toEqual(new Set(['200 one']));
    await running.runtime.apply({ version: '2', upserts: [mockPipeline('pipeline/a', 'two')], removes: [] });
    await running.runtime.threads.started();
    expect(running.runtime.threads.serving).toBe(2);
    expect(running.runtime.threads.restarts).toBe(1);
    await running.runtime.threads.kill(1);
    expect(await getMany(running, '/0')).toEqual(new Set(['200 two']));
    expect(fatal).toBeNull();
  });
});
