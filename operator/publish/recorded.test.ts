// Sessions as released versions of the protocol held them (proxy/contract/recorded), one file per version. They are
// never edited: what a released proxy says must still be understood, and what it is sent must still be what it knows.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silent } from '#test/support/push-operator.ts';
import { delta } from '#test/support/units.ts';
import { toOperator, toProxy, type ToOperator, type ToProxy } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import { Sessions } from './sessions.ts';

const folder = join(import.meta.dirname, '..', '..', 'proxy', 'contract', 'recorded');

type Line =
  | { readonly from: 'proxy'; readonly message: ToOperator }
  | { readonly from: 'operator'; readonly message: ToProxy };

function linesOf(file: string): Line[] {
  const text = readFileSync(join(folder, file), 'utf8').trimEnd();
  return text.split('\n').map((line) => JSON.parse(line) as Line);
}

describe.each(readdirSync(folder))('the recorded session %s', (file) => {
  const lines = linesOf(file);

  it('is understood in both directions', () => {
    for (const line of lines) {
      const read = line.from === 'proxy' ? toOperator.parse(line.message) : toProxy.parse(line.message);
      expect(read).toMatchObject(line.message);
    }
  });

  it('gets the same answers from today’s operator', () => {
    const sessions = new Sessions({ log: silent, build: '0.1.0' });
    sessions.publish(delta(unitsOf(lines)));
    const heard: ToProxy[] = [];
    const outlet = { send: (message: ToProxy) => heard.push(structuredClone(message)) > 0, close: () => {} };
    const identity = { name: 'p', audiences: ['default'], validForMs: null };
    const session = sessions.open(identity, outlet, () => Promise.resolve(identity));
    for (const { from, message } of lines) if (from === 'proxy') session?.receive(message);
    const recorded = lines.flatMap(({ from, message }) => (from === 'operator' ? [message] : []));
    session?.end('session lifetime');
    expect(heard.map(withoutChance)).toEqual(recorded.map(withoutChance));
  });
});

function unitsOf(lines: readonly Line[]): AnyUnit[] {
  const units = new Map<string, unknown>();
  for (const { message } of lines) {
    if (message.type === 'units') for (const unit of message.units) units.set(unit.name, unit);
    if (message.type === 'live') for (const unit of message.upserts) units.set(unit.name, unit);
  }
  return [...units.values()] as AnyUnit[];
}

/** The order of units in a message is nobody's promise, the session's name is chance. */
function withoutChance(message: ToProxy): unknown {
  if (message.type === 'welcome') return { ...message, session: '', protocol: { ...message.protocol, minor: 0 } };
  if (message.type !== 'units') return message;
  return { ...message, units: message.units.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}
