import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { silent } from '#test/support/push-operator.ts';
import {
  delta,
  endpointsUnit,
  listenerUnit,
  ownerUnit,
  pipelineUnit,
  ruleUnit,
  upstreamUnit,
} from '#test/support/units.ts';
import type { ToProxy } from '#proxy/contract/messages.ts';
import { unitBytes } from './split.ts';
import { sessionTimes, type Session } from './session.ts';
import { Sessions } from './sessions.ts';
import type { VerifiedIdentity } from './verifier.ts';

const identity: VerifiedIdentity = { name: 'p', audiences: ['default'], validForMs: null };
const listener = 'listener/default/*:1';
const web = [
  listenerUnit(listener),
  ownerUnit('owner/a', listener, { rules: ['rule/a'] }),
  ruleUnit('rule/a', ['pipeline/a']),
  pipelineUnit('pipeline/a', ['upstream/a']),
  upstreamUnit('upstream/a', 'endpoints/a'),
  endpointsUnit('endpoints/a', ['10.0.0.1']),
];

interface World {
  readonly sessions: Sessions;
  readonly session: Session;
  readonly clock: FakeClock;
  readonly sent: ToProxy[];
  readonly closed: () => boolean;
  /** What the outlet answers from now on. */
  accept: (takes: boolean) => void;
  hello: (digest?: string) => void;
  ack: (rejected?: string[]) => void;
  heard: () => (readonly string[] | 'all')[];
}

function world(
  who: VerifiedIdentity = identity,
  renew: (token: string) => Promise<VerifiedIdentity | null> = () => Promise.resolve(who),
): World {
  const clock = new FakeClock();
  const told: (readonly string[] | 'all')[] = [];
  const onAcks = (_: unknown, units: readonly string[] | 'all'): void => void told.push(units);
  const sessions = new Sessions({ log: silent, build: 'b', clock, random: () => 0.5, onAcks });
  sessions.publish(delta(web));
  const sent: ToProxy[] = [];
  let [takes, closed] = [true, false];
  const outlet = {
    send(message: ToProxy) {
      sent.push(JSON.parse(JSON.stringify(message)) as ToProxy);
      return takes;
    },
    close: () => void (closed = true),
  };
  const session = sessions.open(who, outlet, renew);
  if (session === null) throw new Error('there is room');
  const self = { build: 'b', proxy: 'p', unitKinds: [], filterKinds: [] };
  return {
    sessions,
    session,
    clock,
    sent,
    closed: () => closed,
    accept: (now) => void (takes = now),
    hello: (digest = '0-0') =>
      session.receive({ type: 'hello', protocol: { major: 1, minor: 3 }, ...self, version: '', digest }),
    ack(rejected = []) {
      const commit = sent.findLast((message) => message.type === 'commit');
      const version = commit?.type === 'commit' ? commit.version : '';
      session.receive({ type: 'ack', version, rejected: rejected.map((unit) => ({ unit, diagnostics: [] })) });
    },
    heard: () => told.splice(0),
  };
}

function types(sent: readonly ToProxy[]): string {
  return sent.map(({ type }) => type).join(' ');
}

describe('a session', () => {
  it('welcomes, sends what the proxy lacks, and is applied once that is acknowledged', () => {
    const { session, sent, hello, ack } = world();
    hello();
    expect(types(sent)).toBe('welcome live delta units commit');
    expect(session.applied('rule/a')).toBe(undefined);
    ack();
    expect(session.applied('rule/a')).toBe(web[2]?.hash);
    expect(session.version).toBe(session.view.version);
  });

  it('asks for the table when it does not know the digest, and sends the difference', () => {
    const { session, sent, hello } = world();
    hello('5-abc');
    expect(types(sent)).toBe('welcome needTable');
    const known = Object.fromEntries(web.map((unit) => [unit.name, unit.hash]));
    session.receive({ type: 'table', entries: { ...known, 'rule/a': 'old' }, done: false });
    session.receive({ type: 'table', entries: { 'rule/gone': 'x', 'endpoints/gone': 'y' }, done: true });
    expect(sent.slice(2, 3)).toEqual([expect.objectContaining({ type: 'delta', removes: ['rule/gone'] })]);
    expect(sent.flatMap((message) => (message.type === 'units' ? message.units.map(({ name }) => name) : []))).toEqual([
      'rule/a',
    ]);
    expect(types(sent)).toBe('welcome needTable delta units commit');
  });

  it('removes live units that are gone only after the ack', () => {
    const { session, sent, hello, ack } = world();
    hello('5-abc');
    session.receive({ type: 'table', entries: { 'endpoints/gone': 'y' }, done: true });
    expect(JSON.stringify(sent)).not.toContain('endpoints/gone');
    ack();
    expect(sent.at(-1)).toEqual(expect.objectContaining({ type: 'live', upserts: [], removes: ['endpoints/gone'] }));
  });

  it('does not send on while the outlet is full, and then only what is newest', () => {
    const { sessions, session, sent, accept, hello, ack } = world();
    hello();
    ack();
    const from = sent.length;
    accept(false);
    for (const ip of ['10.0.0.2', '10.0.0.3', '10.0.0.4'])
      sessions.publish(delta([endpointsUnit('endpoints/a', [ip])]));
    expect(sent).toHaveLength(from + 1);
    accept(true);
    session.writable();
    expect(sent).toHaveLength(from + 2);
    expect(JSON.stringify(sent.at(-1))).toContain('10.0.0.4');
  });

  it('lets live units pass a change that has not wholly left', () => {
    const { sessions, session, sent, accept, hello } = world();
    accept(false);
    hello();
    // Hello brought the first one; then one for each time the outlet takes one.
    session.writable();
    expect(types(sent)).toBe('welcome live delta');
    sessions.publish(delta([endpointsUnit('endpoints/a', ['10.0.0.2'])]));
    session.writable();
    expect(types(sent)).toBe('welcome live delta live');
    accept(true);
    session.writable();
    expect(types(sent)).toBe('welcome live delta live units commit');
  });

  it('takes no ack for a change whose commit has not left', () => {
    const { session, accept, hello } = world();
    accept(false);
    hello();
    session.writable();
    session.receive({ type: 'ack', version: session.view.version, rejected: [] });
    expect(session.version).toBe('');
  });

  it('asks for the table when a proxy was deaf for longer than the history reaches', () => {
    const { sessions, sent, hello, ack } = world();
    hello();
    for (let i = 0; i < 2100; i++)
      sessions.publish(delta([ruleUnit('rule/a', ['pipeline/a', ...Array<null>(i % 7).fill(null)])]));
    ack();
    expect(sent.at(-1)?.type).toBe('needTable');
  });

  it('asks for the table after a nack, and after a second one waits until the view is another', () => {
    const { sessions, session, sent, hello } = world();
    hello();
    session.receive({ type: 'nack', version: 'v', reason: 'unreadable' });
    expect(sent.at(-1)?.type).toBe('needTable');
    session.receive({ type: 'table', entries: {}, done: true });
    const from = sent.length;
    session.receive({ type: 'nack', version: 'v', reason: 'unreadable' });
    expect([sent.length, session.quarantined]).toEqual([from, true]);
    sessions.publish(delta([ruleUnit('rule/a', [null])]));
    expect(types(sent.slice(from))).toBe('needTable');
  });

  it('tells status the units of an ack, and everything when it joins, leaves or counts again', () => {
    const { sessions, session, clock, hello, ack, heard } = world();
    hello();
    expect(heard()).toEqual(['all']);
    ack();
    expect(heard()).toEqual(['all']);
    sessions.publish(delta([ruleUnit('rule/a', [null])]));
    ack(['owner/a']);
    expect(heard()).toEqual([['owner/a', 'rule/a', 'pipeline/a', 'upstream/a']]);
    sessions.publish(delta([ruleUnit('rule/a', ['pipeline/a'])]));
    clock.advance(10_000);
    expect([heard(), session.quarantined]).toEqual([['all'], true]);
    ack();
    expect([heard(), session.quarantined]).toEqual([['all'], false]);
    session.closed();
    expect([heard(), sessions.count, session.view.users]).toEqual([['all'], 0, 0]);
  });

  it('refuses a unit that no message can hold, and sends the others', () => {
    const { sessions, session, sent, hello } = world();
    const large = pipelineUnit('pipeline/a', ['upstream/a'], { title: 'x'.repeat(1024 * 1024) });
    sessions.publish(delta([large]));
    hello();
    expect(session.rejected.get('pipeline/a')?.[0]?.message).toContain(`${unitBytes(large)} bytes`);
    expect(types(sent)).toBe('welcome live delta units commit');
    expect(JSON.stringify(sent)).not.toContain('xxxx');
    sessions.publish(delta([pipelineUnit('pipeline/a', ['upstream/a'])]));
    session.receive({ type: 'ack', version: (sent.at(-1) as { version: string }).version, rejected: [] });
    expect(session.rejected.size).toBe(0);
  });

  it('ends after 30 minutes, a fifth more or less', () => {
    const { clock, sent, hello, ack, closed } = world();
    hello();
    ack();
    clock.advance(sessionTimes.lifetime - 1);
    expect(closed()).toBe(false);
    clock.advance(1);
    expect([sent.at(-1), closed()]).toEqual([{ type: 'goodbye', reason: 'session lifetime' }, true]);
    expect(clock.pending).toBe(0);
  });

  it('ends when its token expires, unless a fresh one of the same identity came', async () => {
    const expiring = { ...identity, validForMs: 60_000 };
    const { clock, session, sent, hello, ack, closed } = world(expiring);
    hello();
    ack();
    clock.advance(50_000);
    session.receive({ type: 'token', token: 'fresh' });
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(50_000);
    expect(closed()).toBe(false);
    clock.advance(10_000);
    expect(sent.at(-1)).toEqual({ type: 'goodbye', reason: 'token expired' });
  });

  it.each<[string, VerifiedIdentity | null, string]>([
    ['that is refused', null, 'token refused'],
    ['of another name', { ...identity, name: 'q' }, 'the new token is of another identity'],
    ['of other audiences', { ...identity, audiences: ['default', 'more'] }, 'the new token is of another identity'],
  ])('ends at a token %s', async (_, answer, reason) => {
    const { session, sent, hello } = world(identity, () => Promise.resolve(answer));
    hello();
    session.receive({ type: 'token', token: 't' });
    await Promise.resolve();
    await Promise.resolve();
    expect(sent.at(-1)).toEqual({ type: 'goodbye', reason });
  });

  it('stays when a token could not be verified just now', async () => {
    const { session, hello, closed } = world(identity, () => Promise.reject(new Error('unreachable')));
    hello();
    session.receive({ type: 'token', token: 't' });
    await Promise.resolve();
    await Promise.resolve();
    expect(closed()).toBe(false);
  });
});
