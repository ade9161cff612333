// The publish contract over real sockets: an operator's server on one side; on the other the proxy's own source with a
// fake sink, or a client that misbehaves.

import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { describe, expect, it } from 'vitest';
import { FakeSink } from '#test/support/fake-sink.ts';
import { severedLink } from '#test/support/severed-link.ts';
import { PushClient } from '#test/support/push-client.ts';
import { sourceFor, startPushOperator, tokens, type PushOperator } from '#test/support/push-operator.ts';
import {
  delta,
  endpointsUnit,
  listenerUnit,
  ownerUnit,
  pipelineUnit,
  ruleUnit,
  upstreamUnit,
} from '#test/support/units.ts';
import { maxMessageBytes } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import { streamTimes } from '#proxy/sources/stream.ts';
import { createAuthority } from '#proxy/primitives/crypto/certificate.ts';
import { pushTimes } from './server.ts';
import { sessionTimes, type Session } from './session.ts';

const port1 = 'listener/default/*:1';

function routes(count: number, listener = port1, mark = ''): AnyUnit[] {
  const index = Array.from({ length: count }, (_, i) => i);
  return [
    ownerUnit(`owner/web${mark}`, listener, { rules: index.map((i) => `rule/${mark}${i}`) }),
    ...index.flatMap((i) => [
      ruleUnit(`rule/${mark}${i}`, [`pipeline/${mark}${i}`]),
      pipelineUnit(`pipeline/${mark}${i}`, [`upstream/${mark}${i}`]),
      upstreamUnit(`upstream/${mark}${i}`, `endpoints/${mark}${i}`),
      endpointsUnit(`endpoints/${mark}${i}`, ['10.0.0.1']),
    ]),
  ];
}

const web = [listenerUnit(port1), ...routes(3)];

/** Every session, and a promise of the next time something about them changes. */
function watch(): { onAcks: () => void; changed: (condition: () => boolean) => Promise<void> } {
  let wake = Promise.withResolvers<void>();
  return {
    onAcks() {
      wake.resolve();
      wake = Promise.withResolvers();
    },
    async changed(condition) {
      while (!condition()) await wake.promise;
    },
  };
}

function only(operator: PushOperator): Session {
  const row = operator.sessions.rows()[0];
  const session = operator.sessions.find(row?.session ?? '');
  if (session === undefined) throw new Error('there is no session');
  return session;
}

describe('a proxy on the push stream', () => {
  it('gets everything its audience reaches, then only what changed', async () => {
    await using operator = await startPushOperator();
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = sourceFor(operator);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect([...sink.units.keys()].toSorted()).toEqual(web.map((unit) => unit.name).toSorted());
    expect(sink.units.get('rule/1')?.content).toEqual(web.find((unit) => unit.name === 'rule/1')?.content);

    operator.sessions.publish(delta([ruleUnit('rule/1', [null])], ['pipeline/0']));
    await sink.until(() => sink.applied.length === 2);
    expect(sink.applied[1]?.upserts.map((unit) => unit.name)).toEqual(['rule/1']);
    expect(sink.applied[1]?.removes.toSorted()).toEqual(
      ['pipeline/0', 'pipeline/1', 'upstream/0', 'upstream/1'].toSorted(),
    );
    expect(sink.version).toBe(operator.sessions.views.of(['default']).version);
  });

  it('gets an empty change when there is nothing to serve, so that it can be ready', async () => {
    await using operator = await startPushOperator();
    const sink = new FakeSink();
    await using source = sourceFor(operator);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect(sink.version).toBe('0-0');
  });

  it('gets new endpoints before the units that use them and loses old ones after, without a version', async () => {
    const { onAcks, changed } = watch();
    await using operator = await startPushOperator({ sessions: { onAcks } });
    operator.sessions.publish(delta(web));
    await using client = new PushClient({ ...operator, token: tokens.default });
    client.hello();
    const commit = await client.next('commit');
    const order = client.messages.map((message) => message.type);
    expect(order.indexOf('live')).toBeLessThan(order.indexOf('delta'));
    client.send({ type: 'ack', version: commit.version, rejected: [] });

    await changed(() => only(operator).version === commit.version);
    let from = client.messages.length;
    operator.sessions.publish(delta([endpointsUnit('endpoints/0', ['10.0.0.2'])]));
    const live = await client.next('live', from);
    expect(live.upserts.map((unit) => unit.name)).toEqual(['endpoints/0']);
    expect(only(operator).view.version).toBe(commit.version);

    from = client.messages.length;
    operator.sessions.publish(delta([], ['upstream/0', 'endpoints/0']));
    const second = await client.next('commit', from);
    expect(client.messages.slice(from).some((message) => message.type === 'live')).toBe(false);
    client.send({ type: 'ack', version: second.version, rejected: [] });
    expect((await client.next('live', from)).removes).toEqual(['endpoints/0']);
  });

  it('is told what it lacks and nothing else when it comes back', async () => {
    await using operator = await startPushOperator();
    operator.sessions.publish(delta([listenerUnit(port1), ...routes(300)]));
    const sink = new FakeSink();
    const first = sourceFor(operator);
    await first.start(sink);
    await sink.until(() => sink.applied.length === 1);
    await first[Symbol.asyncDispose]();
    const whole = operator.server.counts.bytesOut;

    operator.sessions.publish(delta([ruleUnit('rule/7', [null]), endpointsUnit('endpoints/9', ['10.9.9.9'])]));
    await using second = sourceFor(operator);
    await second.start(sink);
    await sink.until(() => sink.applied.length === 2);
    expect(sink.applied[1]?.upserts.map((unit) => unit.name)).toEqual(['rule/7']);
    expect(sink.applied[1]?.removes.toSorted()).toEqual(['pipeline/7', 'upstream/7']);
    expect(sink.lives.at(-1)?.upserts.map((unit) => unit.name)).toEqual(['endpoints/9']);
    expect(operator.server.counts.bytesOut - whole).toBeLessThan(whole * 0.02);
    // It was known where it stood: no table was asked for.
    expect(operator.sessions.rows()[0]?.counts['tables']).toBe(0);
  });

  it('gets under 5 % of the bytes from an operator that restarted, with or without changes meanwhile', async () => {
    await using home = await startPushOperator();
    const units = [listenerUnit(port1), ...routes(300)];
    home.sessions.publish(delta(units));
    const sink = new FakeSink();
    await using source = sourceFor(home);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    const whole = home.server.counts.bytesOut;
    await home.server[Symbol.asyncDispose]();

    const same = await startPushOperator({ dir: home.dir, port: home.port });
    same.sessions.publish(delta(units));
    await sink.until(() => sink.applied.length === 2);
    expect(same.server.counts.bytesOut).toBeLessThan(whole * 0.05);
    await same[Symbol.asyncDispose]();

    await using other = await startPushOperator({ dir: home.dir, port: home.port });
    other.sessions.publish(delta([...units, ruleUnit('rule/5', [null])]));
    await sink.until(() => sink.units.has('pipeline/5') === false);
    await sink.until(() => sink.applied.at(-1)?.version === other.sessions.views.of(['default']).version);
    expect(sink.applied.at(-1)?.upserts.map((unit) => unit.name)).toEqual(['rule/5']);
    expect(other.server.counts.bytesOut).toBeLessThan(whole * 0.05);
  });

  it('keeps what it has while no operator answers, and comes back by itself', async () => {
    const operator = await startPushOperator();
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = sourceFor(operator);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    await operator.server[Symbol.asyncDispose]();
    while (source.status().attempts < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(source.status().connected).toBe(false);
    expect(sink.units.size).toBe(web.length);
    await using again = await startPushOperator({ dir: operator.dir, port: operator.port });
    again.sessions.publish(delta([...web, ruleUnit('rule/0', [null])]));
    await sink.until(() => sink.applied.at(-1)?.upserts[0]?.name === 'rule/0');
  });

  it('skips to the newest version when it is slow', async () => {
    await using operator = await startPushOperator();
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    const { promise, resolve } = Promise.withResolvers<void>();
    sink.gate = promise;
    await using source = sourceFor(operator);
    await source.start(sink);
    while (operator.sessions.rows()[0]?.counts['changes'] !== 1) await new Promise((turn) => setImmediate(turn));
    for (let i = 0; i < 50; i++) operator.sessions.publish(delta([ruleUnit('rule/0', Array(i).fill(null))]));
    resolve();
    const newest = operator.sessions.views.of(['default']).version;
    await sink.until(() => sink.version === newest);
    expect(sink.applied).toHaveLength(2);
  });

  it('costs the operator no memory while it does not read: nothing is queued but what the socket holds', async () => {
    await using operator = await startPushOperator();
    operator.sessions.publish(delta([listenerUnit(port1), ...routes(2_000)]));
    await using client = new PushClient({ ...operator, token: tokens.default });
    await client.status;
    client.stream.pause();
    client.hello();
    while (operator.server.counts.bytesOut < 1024) await new Promise((turn) => setImmediate(turn));
    for (let i = 0; i < 300; i++) {
      const wide = Array.from({ length: 400 }, (_, n) => `10.${i % 250}.${n >> 8}.${n & 255}`);
      operator.sessions.publish(delta([endpointsUnit('endpoints/0', wide)]));
      await new Promise((turn) => setImmediate(turn));
    }
    const held = operator.server.counts.bytesOut;
    expect(held).toBeLessThan(4 * maxMessageBytes);
    client.stream.resume();
    await client.next('commit');
    const last = client.messages.findLast((message) => message.type === 'live');
    expect(JSON.stringify(last)).toContain('10.49.1.143');
  });

  it('tells which units it refused, and later that it no longer does', async () => {
    const { onAcks, changed } = watch();
    await using operator = await startPushOperator({ sessions: { onAcks } });
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    sink.refuse = (unit) => unit.name === port1;
    await using source = sourceFor(operator);
    await source.start(sink);
    await changed(() => operator.sessions.acks().sessions[0]?.rejected.size === 1);
    const [acks] = operator.sessions.acks().sessions;
    expect(acks?.rejected.get(port1)?.[0]?.code).toBe('BuildFailed');
    expect(acks?.applied('rule/0')).toBe(sink.units.get('rule/0')?.hash);
    expect(acks?.holds('rule/0')).toBe(true);

    sink.refuse = () => false;
    sink.onVerdict?.({ version: sink.version, rejected: [] });
    await changed(() => operator.sessions.acks().sessions[0]?.rejected.size === 0);
  });

  it('is quarantined when it does not acknowledge, and counts again at its next ack', async () => {
    const { onAcks, changed } = watch();
    await using operator = await startPushOperator({ sessions: { onAcks, times: { ...sessionTimes, ack: 20 } } });
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    const { promise, resolve } = Promise.withResolvers<void>();
    sink.gate = promise;
    await using source = sourceFor(operator);
    await source.start(sink);
    await changed(() => operator.sessions.acks().sessions[0]?.quarantined === true);
    expect(operator.sessions.acks().sessions[0]?.applied('rule/0')).toBe(undefined);
    resolve();
    await changed(() => operator.sessions.acks().sessions[0]?.quarantined === false);
    expect(operator.sessions.acks().sessions[0]?.applied('rule/0')).not.toBe(undefined);
  });

  it('hands over reports: the newest of each topic counts, what is too large is dropped', async () => {
    await using operator = await startPushOperator();
    await using client = new PushClient({ ...operator, token: tokens.default });
    client.hello();
    const { version } = await client.next('commit');
    client.send({ type: 'report', topic: 'health', payload: 1 });
    client.send({ type: 'report', topic: 'health', payload: { up: 2 } });
    client.send({ type: 'report', topic: 'large', payload: 'x'.repeat(64 * 1024) });
    client.send({ type: 'ack', version, rejected: [] });
    while (operator.sessions.rows()[0]?.counts['acks'] !== 1) await new Promise((turn) => setImmediate(turn));
    const { reports } = only(operator);
    expect([reports.get('health'), reports.taken, reports.dropped]).toEqual([{ up: 2 }, 2, 1]);
  });

  it('comes back after its session has lived its time', async () => {
    await using operator = await startPushOperator({ sessions: { times: { ...sessionTimes, lifetime: 30 } } });
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = sourceFor(operator);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 3);
    // Whatever was sent after the first was empty: it had everything.
    expect(sink.applied.slice(1).every((change) => change.upserts.length + change.removes.length === 0)).toBe(true);
  });
});

describe('two views', () => {
  it('put not a byte of each other on the wire', async () => {
    await using operator = await startPushOperator();
    const side = (audience: string, port: number): AnyUnit[] => {
      const listener = `listener/${audience}/*:${port}`;
      return [listenerUnit(listener, { audience, port }), ...routes(20, listener, `canary-${audience}-`)];
    };
    operator.sessions.publish(delta([...side('left', 1), ...side('right', 2), pipelineUnit('pipeline/canary-nobody')]));
    await using left = new PushClient({ ...operator, token: tokens.left });
    await using right = new PushClient({ ...operator, token: tokens.right });
    for (const client of [left, right]) {
      client.hello();
      const { version } = await client.next('commit');
      client.send({ type: 'ack', version, rejected: [] });
    }
    const changes = (mark: string): AnyUnit[] => [
      ruleUnit(`rule/canary-${mark}-3`, [null]),
      endpointsUnit(`endpoints/canary-${mark}-4`, ['10.0.0.7']),
    ];
    operator.sessions.publish(
      delta([...changes('left'), ...changes('right')], ['pipeline/canary-right-5', 'pipeline/canary-left-5']),
    );
    for (const client of [left, right])
      await client.next('commit', client.messages.findIndex(({ type }) => type === 'commit') + 1);
    expect(left.bytes.includes('canary-left')).toBe(true);
    expect(right.bytes.includes('canary-right')).toBe(true);
    expect(left.bytes.includes('canary-right')).toBe(false);
    expect(right.bytes.includes('canary-left')).toBe(false);
    expect(Buffer.concat([left.bytes, right.bytes]).includes('nobody')).toBe(false);
  });

  it('do not let a proxy name what it may see: a table with foreign names brings nothing', async () => {
    await using operator = await startPushOperator();
    operator.sessions.publish(
      delta([listenerUnit('listener/right/*:2', { audience: 'right' }), ...routes(2, 'listener/right/*:2', 'secret-')]),
    );
    await using client = new PushClient({ ...operator, token: tokens.left });
    client.hello({ digest: 'unknown' });
    await client.next('needTable');
    client.send({ type: 'table', entries: { 'rule/secret-0': 'old' }, done: true });
    await client.next('commit');
    expect(client.messages.some((message) => message.type === 'units')).toBe(false);
    expect(client.bytes.includes('pipeline/secret-')).toBe(false);
  });
});

describe('the push stream refuses', () => {
  it.each([
    ['a wrong token', { token: 'token-of-somebody-else' }, 401],
    ['no token', { token: '' }, 401],
    ['another path', { token: tokens.default, path: '/metrics' }, 404],
  ])('%s', async (_, fields, status) => {
    await using operator = await startPushOperator();
    await using client = new PushClient({ ...operator, ...fields });
    expect(await client.status).toBe(status);
    await client.closed;
    expect(operator.sessions.count).toBe(0);
  });

  it('a proxy that trusts another authority, from the proxy’s side', async () => {
    await using operator = await startPushOperator();
    const now = Date.now();
    const other = createAuthority('easegress', { from: new Date(now - 1000), to: new Date(now + 86_400_000) });
    await using source = sourceFor({ port: operator.port, ca: other.certificate });
    await source.start(new FakeSink());
    while (source.status().lastError === '') await new Promise((turn) => setImmediate(turn));
    expect(source.status().lastError).toMatch(
      /not of the CA that this proxy was given .*; give it the operator's ca.pem/,
    );
    expect(operator.sessions.count).toBe(0);
  });

  it('a protocol of another major version, and says what would be right', async () => {
    await using operator = await startPushOperator();
    await using client = new PushClient({ ...operator, token: tokens.default });
    client.hello({ protocol: { major: 2, minor: 0 } });
    expect((await client.next('goodbye')).reason).toMatch(/protocol 2\.0 is not spoken here.* speaks 1\.0; upgrade/);
    await client.closed;
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a length over the bound', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7b])],
    ['JSON of no known form', Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('{}')])],
    ['zeros', Buffer.alloc(64)],
  ])('%s, without harm to other sessions', async (_, bytes) => {
    await using operator = await startPushOperator();
    operator.sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = sourceFor(operator);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    await using client = new PushClient({ ...operator, token: tokens.default });
    client.hello();
    await client.next('commit');
    client.stream.write(bytes);
    expect((await client.next('goodbye')).reason).toMatch(/message/);
    await client.closed;
    operator.sessions.publish(delta([ruleUnit('rule/0', [null])]));
    await sink.until(() => sink.applied.length === 2);
  });

  it('a table that nobody asked for, and a second hello', async () => {
    await using operator = await startPushOperator();
    for (const say of ['table', 'hello'] as const) {
      await using client = new PushClient({ ...operator, token: tokens.default });
      client.hello();
      await client.next('commit');
      if (say === 'hello') client.hello();
      else client.send({ type: 'table', entries: {}, done: true });
      await client.next('goodbye');
      await client.closed;
    }
  });

  it('more sessions than are allowed', async () => {
    await using operator = await startPushOperator({ sessions: { maxSessions: 1 } });
    await using first = new PushClient({ ...operator, token: tokens.default });
    expect(await first.status).toBe(200);
    await using second = new PushClient({ ...operator, token: tokens.default });
    expect(await second.status).toBe(503);
  });

  it('header lists that are out of all proportion', async () => {
    await using operator = await startPushOperator();
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'.repeat(300)]));
    await using client = new PushClient({ ...operator, token: tokens.default, headers });
    expect(await client.status).not.toBe(200);
  });
});

describe('the push stream gives up on', () => {
  it('a connection that does not say who it is', async () => {
    await using operator = await startPushOperator({ server: { times: { ...pushTimes, authenticate: 30 } } });
    const silentTcp = connectTcp(operator.port, '127.0.0.1');
    silentTcp.on('error', () => {});
    await once(silentTcp, 'close');
  });

  it('the oldest of very many that say nothing, so that a proxy always gets in and stays', async () => {
    const { onAcks, changed } = watch();
    await using operator = await startPushOperator({ server: { maxUnauthenticated: 3 }, sessions: { onAcks } });
    await using client = new PushClient({ ...operator, token: tokens.default });
    expect(await client.status).toBe(200);
    const silent = Array.from({ length: 5 }, () => connectTcp(operator.port, '127.0.0.1').on('error', () => {}));
    await Promise.all(silent.slice(0, 2).map((socket) => once(socket.resume(), 'close')));
    await using late = new PushClient({ ...operator, token: tokens.default });
    expect(await late.status).toBe(200);
    for (const each of [client, late]) each.hello();
    await changed(() => operator.sessions.acks().sessions.length === 2);
    expect(operator.server.newcomers.turnedOut).toBeGreaterThanOrEqual(2);
    for (const socket of silent) socket.destroy();
  });

  it('a peer that is gone without a word', async () => {
    const { onAcks, changed } = watch();
    const times = { ...pushTimes, ping: 30 };
    await using operator = await startPushOperator({ server: { times }, sessions: { onAcks } });
    await using link = await severedLink(operator.port);
    await using client = new PushClient({ ...operator, port: link.port, token: tokens.default });
    client.hello();
    await client.next('commit');
    expect(operator.sessions.count).toBe(1);
    link.pull();
    await changed(() => operator.sessions.count === 0);
  });

  it('an operator that is gone without a word, from the proxy’s side, and finds it again', async () => {
    await using operator = await startPushOperator();
    await using link = await severedLink(operator.port);
    const sink = new FakeSink();
    const times = { ...streamTimes, firstWait: 2, longestWait: 5, ping: 30 };
    await using source = sourceFor({ ...operator, port: link.port }, { times });
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    link.pull();
    await sink.until(() => sink.applied.length === 2);
    expect(source.status().lastError).toBe('operator does not answer pings');
    expect(link.made).toBe(2);
  });

  it('a session that says no hello', async () => {
    await using operator = await startPushOperator({ sessions: { times: { ...sessionTimes, answer: 20 } } });
    await using client = new PushClient({ ...operator, token: tokens.default });
    expect((await client.next('goodbye')).reason).toBe('no hello');
  });
});
