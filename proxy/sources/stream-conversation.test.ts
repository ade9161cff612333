import { describe, expect, it } from 'vitest';
import { FakeSink } from '#test/support/fake-sink.ts';
import { silent } from '#test/support/push-operator.ts';
import { endpointsUnit, ruleUnit } from '#test/support/units.ts';
import { encodeMessage } from '#proxy/contract/framing.ts';
import { maxMessageBytes, type ToOperator, type ToProxy, type WireUnit } from '#proxy/contract/messages.ts';
import { StreamConversation, type Connection } from './stream-conversation.ts';

const self = { name: 'p', build: 'b', unitKinds: ['rule'], filterKinds: ['Mock'] };

interface Line extends Connection {
  readonly said: ToOperator[];
  readonly events: string[];
  /** Resolves when that many messages were said. */
  until(count: number): Promise<void>;
}

function line(): Line {
  const said: ToOperator[] = [];
  const events: string[] = [];
  let wake = Promise.withResolvers<void>();
  return {
    said,
    events,
    send(message) {
      said.push(message);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    fail: (reason) => void events.push(`fail ${reason}`),
    welcomed: () => void events.push('welcomed'),
    acknowledged: () => void events.push('acknowledged'),
    goodbye: (reason) => void events.push(`goodbye ${reason}`),
    async until(count) {
      while (said.length < count) await wake.promise;
    },
  };
}

function wire(unit: unknown): WireUnit {
  return unit as WireUnit;
}

function change(version: string, units: readonly WireUnit[], removes: string[] = []): ToProxy[] {
  return [
    { type: 'delta', version, base: '', removes },
    ...units.map((unit): ToProxy => ({ type: 'units', units: [unit] })),
    { type: 'commit', version },
  ];
}

const rule = wire(ruleUnit('rule/a', [null]));
const other = wire(ruleUnit('rule/b', [null]));
const live = wire(endpointsUnit('endpoints/a', ['10.0.0.1']));

async function opened(): Promise<{ sink: FakeSink; conversation: StreamConversation; talk: Line }> {
  const sink = new FakeSink();
  const conversation = new StreamConversation(sink, self, silent);
  const talk = line();
  conversation.connected(talk);
  await talk.until(1);
  return { sink, conversation, talk };
}

describe('the proxy in the conversation', () => {
  it('says hello with what it has, applies a change as a whole, and acknowledges it', async () => {
    const { sink, conversation, talk } = await opened();
    expect(talk.said[0]).toMatchObject({
      type: 'hello',
      version: '',
      digest: '0-0',
      proxy: 'p',
      filterKinds: ['Mock'],
    });
    sink.refuse = (unit) => unit.name === 'rule/b';
    for (const message of change('v1', [rule, other])) conversation.receive(message);
    await talk.until(2);
    expect(sink.applied).toEqual([{ version: 'v1', upserts: [rule, other], removes: [] }]);
    expect(talk.said[1]).toMatchObject({ type: 'ack', version: 'v1', rejected: [{ unit: 'rule/b' }] });
    expect(talk.events).toEqual(['acknowledged']);
  });

  it('takes live units at once, also inside a change', async () => {
    const { sink, conversation, talk } = await opened();
    const [delta, ...rest] = change('v1', [rule]);
    conversation.receive(delta as ToProxy);
    conversation.receive({ type: 'live', seq: 1, upserts: [live], removes: [] });
    expect([sink.lives.length, sink.applied.length]).toEqual([1, 0]);
    for (const message of rest) conversation.receive(message);
    await talk.until(2);
    expect(sink.applied[0]?.upserts).toEqual([rule]);
  });

  it('drops a change that another one replaces before its commit, and joins deltas of one version', async () => {
    const { sink, conversation, talk } = await opened();
    conversation.receive({ type: 'delta', version: 'v1', base: '', removes: ['rule/x'] });
    conversation.receive({ type: 'units', units: [other] });
    conversation.receive({ type: 'delta', version: 'v2', base: '', removes: ['rule/y'] });
    conversation.receive({ type: 'delta', version: 'v2', base: '', removes: ['rule/z'] });
    conversation.receive({ type: 'units', units: [rule] });
    conversation.receive({ type: 'commit', version: 'v2' });
    await talk.until(2);
    expect(sink.applied).toEqual([{ version: 'v2', upserts: [rule], removes: ['rule/y', 'rule/z'] }]);
  });

  it('refuses a commit without its delta and units outside a change', async () => {
    const { conversation, talk, sink } = await opened();
    conversation.receive({ type: 'commit', version: 'v1' });
    expect(talk.said[1]).toMatchObject({ type: 'nack', version: 'v1' });
    conversation.receive({ type: 'units', units: [rule] });
    expect(talk.events).toEqual(['fail units outside a change']);
    expect(sink.applied).toEqual([]);
  });

  it('sends its table in messages that keep within the bound', async () => {
    const { conversation, talk, sink } = await opened();
    for (let i = 0; i < 12_000; i++) {
      const name = `rule/${'ü'.repeat(60)}/${i}`;
      sink.units.set(name, { ...rule, name });
    }
    conversation.receive({ type: 'needTable' });
    while (!talk.said.some((message) => message.type === 'table' && message.done))
      await talk.until(talk.said.length + 1);
    const tables = talk.said.flatMap((message) => (message.type === 'table' ? [message] : []));
    expect(tables.length).toBeGreaterThan(1);
    for (const table of tables) expect(encodeMessage(table).length).toBeLessThanOrEqual(maxMessageBytes);
    expect(Object.assign({}, ...tables.map(({ entries }) => entries))).toEqual(sink.table().entries);
  });

  it('sends no table and no hello while a change is being applied', async () => {
    const { conversation, talk, sink } = await opened();
    const { promise, resolve } = Promise.withResolvers<void>();
    sink.gate = promise;
    for (const message of change('v1', [rule])) conversation.receive(message);
    // The apply begins in the next turn; what has not begun when the connection goes is not applied.
    await Promise.resolve();
    conversation.disconnected();
    const second = line();
    conversation.connected(second);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    expect(second.said).toEqual([]);
    resolve();
    await second.until(1);
    expect(second.said[0]).toMatchObject({ type: 'hello', version: 'v1' });
    // The ack would have been of another connection.
    expect(talk.said).toHaveLength(1);
  });

  it('goes on after a sink that failed, and compares tables on the next connection', async () => {
    const { conversation, talk, sink } = await opened();
    sink.gate = Promise.reject(new Error('broken'));
    for (const message of change('v1', [rule])) conversation.receive(message);
    await talk.until(2);
    expect(talk.said[1]).toMatchObject({ type: 'nack' });
    sink.gate = Promise.resolve();
    for (const message of change('v2', [rule])) conversation.receive(message);
    await talk.until(3);
    expect(talk.said[2]).toMatchObject({ type: 'ack', version: 'v2' });
    const second = line();
    conversation.connected(second);
    await second.until(1);
    expect(second.said[0]).toMatchObject({ version: 'v2', digest: '' });
  });

  it('names every refused unit although there are too many reasons for one message', async () => {
    const { conversation, talk, sink } = await opened();
    const units = Array.from({ length: 3000 }, (_, i) => ({ ...rule, name: `rule/${i}` }));
    sink.rejected = () =>
      units.map(({ name }) => ({
        unit: name,
        diagnostics: [
          {
            severity: 'error',
            code: 'BuildFailed',
            object: rule.origins[0] as never,
            path: '',
            message: 'ü'.repeat(300),
          },
        ],
      }));
    for (const message of change('v1', [rule])) conversation.receive(message);
    await talk.until(2);
    const ack = talk.said[1] as Extract<ToOperator, { type: 'ack' }>;
    expect(ack.rejected.map(({ unit }) => unit)).toEqual(units.map(({ name }) => name));
    expect(encodeMessage(ack).length).toBeLessThanOrEqual(maxMessageBytes);
    expect(ack.rejected[0]?.diagnostics).toHaveLength(1);
  });

  it('tells a verdict that changed later, and keeps reports within their bound', async () => {
    const { conversation, talk, sink } = await opened();
    sink.onVerdict?.({ version: 'v1', rejected: [] });
    expect(talk.said[1]).toEqual({ type: 'ack', version: 'v1', rejected: [] });
    expect(conversation.report('health', { up: 1 })).toBe(true);
    expect(conversation.report('health', 'x'.repeat(65 * 1024))).toBe(false);
    conversation.disconnected();
    expect(conversation.report('health', 1)).toBe(false);
    expect(talk.said).toHaveLength(3);
  });
});
