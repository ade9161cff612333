import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { FakeSink } from '#test/support/fake-sink.ts';
import { silent } from '#test/support/push-operator.ts';
import { delta, listenerUnit, ownerUnit, pipelineUnit } from '#test/support/units.ts';
import { localSource } from './local-source.ts';
import { sessionTimes } from './publish/session.ts';
import { Sessions } from './publish/sessions.ts';

const listener = 'listener/default/*:1';
const web = [
  listenerUnit(listener),
  ownerUnit('owner/a', listener, { before: 'pipeline/a' }),
  pipelineUnit('pipeline/a'),
];

describe('an operator in the same process', () => {
  it('hands over everything, then changes, and takes acks', async () => {
    const sessions = new Sessions({ log: silent, build: 'b' });
    sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = localSource(sessions, 'p', silent);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    expect(sink.units.size).toBe(3);
    sessions.publish(delta([], ['pipeline/a']));
    await sink.until(() => sink.applied.length === 2);
    expect(sink.applied[1]).toMatchObject({ upserts: [], removes: ['pipeline/a'] });
  });

  it('begins a new session when the old one has lived its time, and sends nothing again', async () => {
    const clock = new FakeClock();
    const sessions = new Sessions({ log: silent, build: 'b', clock, random: () => 0.5 });
    sessions.publish(delta(web));
    const sink = new FakeSink();
    await using source = localSource(sessions, 'p', silent);
    await source.start(sink);
    await sink.until(() => sink.applied.length === 1);
    clock.advance(sessionTimes.lifetime);
    await sink.until(() => sink.applied.length === 2);
    expect([sessions.count, sink.applied[1]?.upserts.length]).toEqual([1, 0]);
  });

  it('leaves no session behind', async () => {
    const sessions = new Sessions({ log: silent, build: 'b' });
    const source = localSource(sessions, 'p', silent);
    await source.start(new FakeSink());
    await source[Symbol.asyncDispose]();
    expect(sessions.count).toBe(0);
  });
});
