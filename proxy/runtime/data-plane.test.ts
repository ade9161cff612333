import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Rejection, WireUnit } from '#proxy/contract/messages.ts';
import { filters } from '#proxy/filters/index.ts';
import type { FilterDefinition, RequestContext } from '#proxy/pipeline/filter.ts';
import { pending } from '#proxy/pipeline/filter.ts';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { newTicketSecret } from '#proxy/primitives/crypto/ticket-keys.ts';
import { logTo } from '#proxy/process/log.ts';
import { SeriesPages, pageBytes } from '#proxy/process/series.ts';
import { allowAll } from '#proxy/upstream/connect-policy.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { pipelineText, scriptedFilter, type Life, type Script } from '#test/support/pipeline-kit.ts';
import { listenerUnit, ownerUnit, ruleUnit } from '#test/support/units.ts';
import { mockPipeline, wire } from '#test/support/wire-units.ts';
import { createDataPlane } from './data-plane.ts';
import { connectionsKey } from './shared-memory.ts';
import type { ServingPlane } from './thread-host.ts';

const listener = 'listener/default/a';

/** One data plane with one listener on a real port; everything else is named by the test. */
class World {
  readonly clock = new FakeClock();
  readonly life: Life = [];
  readonly lines: string[] = [];
  readonly scripts: Record<string, Script> = {};
  readonly plane: ServingPlane;
  readonly port: number;
  private version = 0;

  private constructor(port: number) {
    this.port = port;
    const { now, timer } = this.clock;
    const script = scriptedFilter(this.scripts, this.life);
    const definitions = new Map<string, FilterDefinition>([...filters, [script.schema.kind, script]]);
    this.plane = createDataPlane({
      log: logTo((_level, _fields, message) => this.lines.push(message)),
      series: new SeriesPages(new SharedArrayBuffer(pageBytes)),
      upstream: { now, timer, random: () => 0, connectPolicy: allowAll },
      pipeline: { filters: definitions, now, timer, random: () => 0, shared: (_key, slots) => new Int32Array(slots) },
      port: {
        index: 0,
        reusePort: false,
        observer: { done: () => undefined },
        trustedPeers: new CidrSet([]),
        graceMs: 1000,
        ticketSecret: newTicketSecret(),
        log: logTo((_level, _fields, message) => this.lines.push(message)),
        timer,
      },
    });
  }

  static async open(): Promise<World> {
    const probe = createServer().listen({ host: '127.0.0.1', port: 0 });
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    return new World(port);
  }

  prepare(upserts: WireUnit[], removes: string[] = []): Promise<readonly Rejection[]> {
    return this.plane.prepare({
      change: { version: String(++this.version), upserts, removes },
      resolved: {},
      shared: [{ key: connectionsKey + listener, buffer: new SharedArrayBuffer(8) }],
      series: {},
      addresses: upserts.some(({ name }) => name === listener)
        ? { [listener]: { host: '127.0.0.1', port: this.port } }
        : {},
    });
  }

  async apply(upserts: WireUnit[], removes: string[] = [], elsewhere: string[] = []): Promise<readonly Rejection[]> {
    const rejected = await this.prepare(upserts, removes);
    this.plane.commit([...rejected, ...elsewhere.map((unit) => ({ unit, diagnostics: [] }))]);
    return rejected;
  }

  async get(path: string, host = 'a'): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port: this.port });
    socket.end(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    await once(socket, 'close');
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    return body === '' ? text.slice(9, 12) : body;
  }
}

let world: World;
beforeEach(async () => {
  world = await World.open();
});
afterEach(() => world.plane.drain(0, 0));

const port = (): WireUnit => wire(listenerUnit(listener, { address: '127.0.0.1' }));
const owner = (rules: string[], name = 'owner/a'): WireUnit => wire(ownerUnit(name, listener, { rules }));
const rule = (name: string, pipeline: string, host?: string): WireUnit =>
  wire(ruleUnit(name, [pipeline], host === undefined ? {} : { hosts: [{ kind: 'exact', value: host }] }));

function scripted(name: string, version?: number): WireUnit {
  const spec = version === undefined ? {} : { version };
  return wire({ ...pipelineText({ title: name, filters: [{ name, spec }] }), name: `pipeline/${name}` });
}

/** As from a newer operator. */
function newer(unit: WireUnit): WireUnit {
  return { ...unit, content: { ...(unit.content as object), fieldOfTomorrow: true } };
}

describe('units that are not understood', () => {
  it('are rejected with the place of what is unknown', async () => {
    const rejected = await world.apply([
      { kind: 'teapot', name: 'teapot/a', hash: '', origins: [], content: {} },
      newer(mockPipeline('pipeline/a', 'x')),
      port(),
    ]);
    expect(rejected.map(({ unit, diagnostics: [first] }) => [unit, first?.code, first?.message])).toEqual([
      ['teapot/a', 'UnsupportedByProxy', 'unit kind teapot is not known'],
      ['pipeline/a', 'UnsupportedByProxy', expect.stringContaining('fieldOfTomorrow')],
    ]);
    expect(await world.get('/0')).toBe('404');
  });

  it('do not touch the former build of a rule', async () => {
    const first = rule('rule/a', 'pipeline/a');
    await world.apply([port(), owner(['rule/a']), first, mockPipeline('pipeline/a', 'one')]);
    await world.apply([newer(first), mockPipeline('pipeline/a', 'two')]);
    expect(await world.get('/0')).toBe('two');
  });

  it('close the hosts of a new rule, and no others', async () => {
    await world.apply([
      port(),
      owner(['rule/a', 'rule/b', 'rule/c']),
      newer(rule('rule/a', 'pipeline/a', 'a')),
      rule('rule/b', 'pipeline/a', 'b'),
      rule('rule/c', 'pipeline/a', 'a'),
      mockPipeline('pipeline/a', 'one'),
    ]);
    // rule/c would serve the host, but rule/a stands before it and may have restricted it.
    expect(await world.get('/0', 'a')).toBe('503');
    expect(await world.get('/0', 'b')).toBe('one');
    expect(await world.get('/0', 'c')).toBe('404');
  });
});

describe('a rule that another thread rejects', () => {
  it('counts as never having come, in a new owner too', async () => {
    await world.apply([port(), owner(['rule/a']), rule('rule/a', 'pipeline/a'), mockPipeline('pipeline/a', 'one')]);
    const upserts = [owner(['rule/a', 'rule/b']), rule('rule/a', 'pipeline/none'), rule('rule/b', 'pipeline/a', 'b')];
    await world.apply(upserts, [], ['rule/a']);
    expect(await world.get('/0')).toBe('one');
  });

  it('is put in place when its owner is rejected and it is not', async () => {
    await world.apply([port(), owner(['rule/a']), rule('rule/a', 'pipeline/a'), mockPipeline('pipeline/b', 'b')]);
    expect(await world.get('/0')).toBe('503');
    await world.apply([owner([]), rule('rule/a', 'pipeline/b')], [], ['owner/a']);
    expect(await world.get('/0')).toBe('b');
  });
});

describe('units in any order', () => {
  it('find one another whenever they come', async () => {
    await world.apply([owner(['rule/a'])]);
    await world.apply([port()]);
    expect(await world.get('/0')).toBe('503');
    await world.apply([rule('rule/a', 'pipeline/a', 'a')]);
    expect(await world.get('/0')).toBe('503');
    expect(await world.get('/0', 'other')).toBe('404');
    await world.apply([mockPipeline('pipeline/a', 'late')]);
    expect(await world.get('/0')).toBe('late');
  });

  it('leave 503 behind when they go before those that need them', async () => {
    await world.apply([port(), owner(['rule/a']), rule('rule/a', 'pipeline/a'), mockPipeline('pipeline/a', 'one')]);
    await world.apply([], ['pipeline/a']);
    expect(await world.get('/0')).toBe('503');
    await world.apply([mockPipeline('pipeline/a', 'again')]);
    expect(await world.get('/0')).toBe('again');
    await world.apply([], ['rule/a']);
    expect(await world.get('/0')).toBe('503');
    await world.apply([], ['owner/a']);
    expect(await world.get('/0')).toBe('404');
  });
});

describe('instances', () => {
  it('live until the last request that uses them is done', async () => {
    const waiting: RequestContext[] = [];
    world.scripts['s'] = (ctx) => {
      waiting.push(ctx);
      return pending;
    };
    await world.apply([port(), owner(['rule/a']), rule('rule/a', 'pipeline/s'), scripted('s', 1)]);
    const answer = world.get('/0');
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await world.apply([scripted('s', 2)]);
    expect(world.life).toEqual(['create s@1', 'create s@2', 'inherit s@2']);
    waiting[0]?.complete('');
    await answer;
    expect(world.life.at(-1)).toBe('dispose s@1');
    await world.apply([], ['pipeline/s']);
    expect(world.life.at(-1)).toBe('dispose s@2');
  });

  it('of a change that is aborted or rejected elsewhere are disposed', async () => {
    await world.apply([scripted('s', 1)]);
    await world.prepare([scripted('s', 2)]);
    world.plane.abort();
    expect(world.life.filter((event) => event.startsWith('dispose'))).toEqual(['dispose s@2']);
    await world.apply([scripted('s', 3)], [], ['pipeline/s']);
    expect(world.life.at(-1)).toBe('dispose s@3');
  });
});

describe('a port', () => {
  it('lets requests wait that come before the commit', async () => {
    const units = [owner(['rule/a']), rule('rule/a', 'pipeline/a'), mockPipeline('pipeline/a', 'one')];
    await world.prepare([port(), ...units]);
    const answer = world.get('/0');
    // Many turns, so that the request has arrived.
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    world.plane.commit([]);
    expect(await answer).toBe('one');
  });

  it('is closed when another thread cannot have it', async () => {
    await world.apply([port()], [], [listener]);
    const socket = connect({ host: '127.0.0.1', port: world.port });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('that is taken is a rejection of the listener alone', async () => {
    const occupant = createServer().listen({ host: '127.0.0.1', port: world.port });
    await once(occupant, 'listening');
    const rejected = await world.apply([port(), mockPipeline('pipeline/a', 'x')]);
    expect(rejected.map(({ unit, diagnostics }) => [unit, diagnostics[0]?.code])).toEqual([[listener, 'PortInUse']]);
    await new Promise((resolve) => occupant.close(resolve));
  });

  it('opens again at once when its unit comes back in the grace period', async () => {
    const units = [owner(['rule/a']), rule('rule/a', 'pipeline/a'), mockPipeline('pipeline/a', 'one')];
    await world.apply([port(), ...units]);
    await world.apply([], [listener]);
    expect(await world.get('/0')).toBe('404');
    await world.apply([port()]);
    expect(await world.get('/0')).toBe('one');
    world.clock.advance(5000);
    expect(await world.get('/0')).toBe('one');
  });

  it('is closed when the grace period is over', async () => {
    await world.apply([port()]);
    await world.apply([], [listener]);
    world.clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const socket = connect({ host: '127.0.0.1', port: world.port });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
