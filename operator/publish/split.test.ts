import { describe, expect, it } from 'vitest';
import { pipelineUnit } from '#test/support/units.ts';
import { encodeMessage } from '#proxy/contract/framing.ts';
import { maxMessageBytes } from '#proxy/contract/messages.ts';
import { changeMessages, liveMessages, maxUnitBytes, unitBytes } from './split.ts';

function pipelineOf(bytes: number, index = 0): ReturnType<typeof pipelineUnit> {
  const empty = unitBytes(pipelineUnit(`pipeline/${index}`, [], { title: '' }));
  return pipelineUnit(`pipeline/${index}`, [], { title: 'x'.repeat(bytes - empty) });
}

describe('a change cut into messages', () => {
  it('keeps every message within the bound and loses nothing', () => {
    const upserts = Array.from({ length: 40 }, (_, i) => pipelineOf(100_000 + i, i));
    const removes = Array.from({ length: 30_000 }, (_, i) => `rule/HTTPServer/default/${'n'.repeat(80)}/${i}`);
    const messages = [...changeMessages({ version: 'v', base: '', upserts, removes })];
    for (const message of messages) expect(encodeMessage(message).length).toBeLessThanOrEqual(maxMessageBytes + 4);
    const sent = messages.flatMap((message) => (message.type === 'units' ? message.units : []));
    expect(sent.map(({ name }) => name)).toEqual(upserts.map(({ name }) => name));
    expect(messages.flatMap((message) => (message.type === 'delta' ? message.removes : []))).toEqual(removes);
    expect(messages.filter(({ type }) => type === 'delta').length).toBeGreaterThan(1);
    expect(messages.at(-1)).toEqual({ type: 'commit', version: 'v' });
  });

  it('is a delta and a commit when there is nothing in it', () => {
    const messages = [...changeMessages({ version: 'v', base: 'v', upserts: [], removes: [] })];
    expect(messages.map(({ type }) => type)).toEqual(['delta', 'commit']);
  });

  it('takes the largest unit there may be', () => {
    const largest = pipelineOf(maxUnitBytes);
    expect(unitBytes(largest)).toBe(maxUnitBytes);
    const messages = [...liveMessages([largest, pipelineOf(500)], [], () => Number.MAX_SAFE_INTEGER)];
    expect(messages).toHaveLength(2);
    for (const message of messages) expect(() => encodeMessage(message)).not.toThrow();
  });
});
