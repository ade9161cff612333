import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, FramingError, MessageDecoder } from './framing.ts';
import { maxMessageBytes, toOperator, toProxy, type ToOperator } from './messages.ts';

const ack: ToOperator = { type: 'ack', version: '3-ff', rejected: [] };

describe('framing of messages', () => {
  it('gives back what was encoded, however the bytes are split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ topic: fc.string({ maxLength: 20 }), payload: fc.jsonValue() }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (reports, cuts) => {
          const messages = reports.map((report): ToOperator => ({ type: 'report', ...report }));
          const bytes = Buffer.concat(messages.map(encodeMessage));
          const decoder = new MessageDecoder(toOperator);
          const seen: ToOperator[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const step = cuts[i % cuts.length] ?? 1;
            seen.push(...decoder.push(bytes.subarray(at, at + step)));
            at += step;
          }
          expect(seen).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('hands out several messages that came in one chunk, and none that is cut short', () => {
    const bytes = encodeMessage(ack);
    const decoder = new MessageDecoder(toOperator);
    expect(decoder.push(Buffer.concat([bytes, bytes, bytes.subarray(0, -1)]))).toEqual([ack, ack]);
    expect(decoder.push(bytes.subarray(-1))).toEqual([ack]);
  });

  it('refuses a length over the bound at once, without waiting for the bytes', () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(maxMessageBytes + 1);
    expect(() => new MessageDecoder(toProxy).push(length)).toThrow(FramingError);
  });

  it('accepts a message of exactly the bound and refuses to encode a larger one', () => {
    const frame = (size: number): Buffer => {
      const empty = Buffer.byteLength(JSON.stringify({ type: 'goodbye', reason: '' }));
      return encodeMessage({ type: 'goodbye', reason: 'x'.repeat(size - empty) } as { type: string });
    };
    expect(new MessageDecoder(toProxy).push(frame(maxMessageBytes))).toHaveLength(1);
    expect(() => frame(maxMessageBytes + 1)).toThrow(RangeError);
  });

  it.each([
    ['text that is no JSON', '{"type":'],
    ['a message of the other direction', '{"type":"goodbye","reason":""}'],
    ['an unknown type', '{"type":"hallo"}'],
    ['a field of the wrong type', '{"type":"ack","version":7,"rejected":[]}'],
    ['a value that is no object', '7'],
    ['an empty message', ''],
  ])('refuses %s', (_, text) => {
    const bytes = Buffer.alloc(4 + text.length);
    bytes.writeUInt32BE(text.length);
    bytes.write(text, 4);
    expect(() => new MessageDecoder(toOperator).push(bytes)).toThrow(FramingError);
  });

  it('counts bytes and not characters', () => {
    const message: ToOperator = { type: 'report', topic: 'Grüße', payload: '漢字' };
    expect(new MessageDecoder(toOperator).push(encodeMessage(message))).toEqual([message]);
  });
});
