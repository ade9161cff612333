import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WireUnit } from '#proxy/contract/messages.ts';
import { logTo } from '#proxy/process/log.ts';
import { loadUnits, openJournal, type Journal } from './disk.ts';
import { decodeJournal, encodeChange, journalHeader } from './journal-format.ts';

const lines: string[] = [];
const log = logTo((_level, _fields, message) => lines.push(message));
let dir = '';

beforeEach(async () => {
  lines.length = 0;
  dir = await mkdtemp(path.join(tmpdir(), 'journal-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function unit(name: string, hash: string): WireUnit {
  return { kind: 'upstream', name, hash, origins: [], content: { filler: hash.repeat(10) } };
}

/** A runtime in small: the state, and a journal that follows it. */
class Subject {
  version = '';
  readonly units = new Map<string, WireUnit>();
  journal: Journal | null = null;
  clock = 0;

  async open(compactBytes = 1_000_000): Promise<this> {
    this.journal = await openJournal({
      dir,
      log,
      compactBytes,
      now: () => this.clock,
      retryMs: 1000,
      state: () => ({ version: this.version, units: this.units.values() }),
    });
    return this;
  }

  change(version: string, upserts: WireUnit[], removes: string[] = []): void {
    this.version = version;
    for (const name of removes) this.units.delete(name);
    for (const each of upserts) this.units.set(each.name, each);
    this.journal?.append({ version, upserts, removes });
  }

  get state(): object {
    return { version: this.version, units: new Map(this.units) };
  }
}

describe('the journal of units', () => {
  it('gives back what was appended', async () => {
    const subject = await new Subject().open();
    subject.change('1', [unit('a', '1'), unit('b', '1')]);
    await subject.journal?.flush();
    subject.change('2', [unit('a', '2')], ['b']);
    await subject.journal?.[Symbol.asyncDispose]();
    expect(await loadUnits(dir, log)).toEqual({ version: '2', units: new Map([['a', unit('a', '2')]]) });
    expect(lines).toEqual([]);
  });

  it('is empty, without a word, in a new folder', async () => {
    expect(await loadUnits(dir, log)).toEqual({ version: '', units: new Map() });
    expect(lines).toEqual([]);
  });

  it('is readable by its owner only', async () => {
    const subject = await new Subject().open();
    await subject.journal?.[Symbol.asyncDispose]();
    expect((await stat(path.join(dir, 'units.journal'))).mode & 0o777).toBe(0o600);
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  it('is rewritten when it has outgrown its state', async () => {
    const subject = await new Subject().open(2000);
    for (let i = 0; i < 200; i++) {
      subject.change(String(i), [unit('a', String(i))]);
      await subject.journal?.flush();
    }
    await subject.journal?.[Symbol.asyncDispose]();
    expect((await stat(path.join(dir, 'units.journal'))).size).toBeLessThan(5000);
    expect(await loadUnits(dir, log)).toEqual(subject.state);
  });

  it('keeps changes that come while one is written', async () => {
    const subject = await new Subject().open(500);
    for (let i = 0; i < 100; i++) {
      subject.change(String(i), [unit(`u${i % 7}`, String(i))], [`u${(i + 3) % 7}`]);
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await subject.journal?.[Symbol.asyncDispose]();
    expect(await loadUnits(dir, log)).toEqual(subject.state);
  });

  it('drops a torn tail when it goes on', async () => {
    const subject = await new Subject().open();
    subject.change('1', [unit('a', '1')]);
    await subject.journal?.[Symbol.asyncDispose]();
    const file = path.join(dir, 'units.journal');
    await writeFile(file, Buffer.concat([await readFile(file), Buffer.from('torn')]));
    const next = new Subject();
    const loaded = await loadUnits(dir, log);
    next.version = loaded.version;
    for (const each of loaded.units.values()) next.units.set(each.name, each);
    await next.open();
    next.change('2', [unit('b', '1')]);
    await next.journal?.[Symbol.asyncDispose]();
    expect([...(await loadUnits(dir, log)).units.keys()]).toEqual(['a', 'b']);
  });

  it.each([
    ['easegress-units 1 protocol 99\nrest', 'are of another version'],
    ['easegress-units 2\n', 'are of another version'],
    ['easegress-units 1 prot', 'are corrupt'],
    ['x', 'are corrupt'],
    ['', 'are corrupt'],
  ])('starts empty on %j and says that units on disk %s', async (text, what) => {
    await writeFile(path.join(dir, 'units.journal'), text);
    expect(await loadUnits(dir, log)).toEqual({ version: '', units: new Map() });
    expect(lines).toEqual([`units on disk ${what}; starting empty`]);
  });

  it('says so when it drops an end that is torn', async () => {
    const file = path.join(dir, 'units.journal');
    const [record = Buffer.alloc(0)] = encodeChange({ version: '1', upserts: [unit('a', '1')], removes: [] });
    await writeFile(file, Buffer.concat([journalHeader, record]));
    await loadUnits(dir, log);
    expect(lines).toEqual([]);
    await writeFile(file, Buffer.concat([journalHeader, record, Buffer.from('torn')]));
    expect([...(await loadUnits(dir, log)).units.keys()]).toEqual(['a']);
    expect(lines).toEqual(['the end of the units on disk is torn or corrupt and was dropped']);
  });

  it('writes again by itself when the disk does, also when no change comes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await rm(dir, { recursive: true });
      await writeFile(dir, '');
      const subject = await new Subject().open();
      subject.change('1', [unit('a', '1')]);
      await rm(dir);
      subject.clock += 1010;
      vi.advanceTimersByTime(1010);
      // Not by flush(), which would try as well.
      while (!lines.includes('units are written to disk again')) await new Promise((resolve) => setImmediate(resolve));
      expect(await loadUnits(dir, log)).toEqual(subject.state);
      await subject.journal?.[Symbol.asyncDispose]();
    } finally {
      vi.useRealTimers();
    }
  });

  it('goes on when the disk refuses, says so once, and writes everything when it can again', async () => {
    const subject = await new Subject().open();
    await subject.journal?.flush();
    // A file where the folder was: every rewrite fails. The handle that is open still writes, so outgrow it first.
    await rm(dir, { recursive: true });
    await writeFile(dir, '');
    const broken = await new Subject().open();
    broken.change('1', [unit('a', '1')]);
    broken.clock += 20_000;
    broken.change('2', [unit('b', '1')]);
    await broken.journal?.flush();
    expect(lines).toEqual(['units cannot be written to disk; serving goes on']);
    expect(broken.journal?.failures).toBe(2);

    await rm(dir);
    broken.clock += 20_000;
    broken.change('3', [unit('c', '1')]);
    await broken.journal?.[Symbol.asyncDispose]();
    expect(await loadUnits(dir, log)).toEqual(broken.state);
    expect(lines.at(-1)).toBe('units are written to disk again');
    await subject.journal?.[Symbol.asyncDispose]();
  });
});

describe('any prefix of a journal', () => {
  const changes = fc.array(
    fc.record({
      upserts: fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), hash: fc.string({ maxLength: 8 }) }), {
        maxLength: 4,
      }),
      removes: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 2 }),
    }),
    { maxLength: 6 },
  );

  it('is a state that was', () => {
    fc.assert(
      fc.property(changes, fc.nat(), fc.nat(255), (list, cutSeed, noise) => {
        const states = [{ version: '', units: new Map<string, WireUnit>() }];
        const parts: Buffer[] = [journalHeader];
        list.forEach((change, index) => {
          const upserts = change.upserts.map(({ name, hash }) => unit(name, hash));
          const version = String(index + 1);
          const units = new Map(states.at(-1)?.units);
          for (const name of change.removes) units.delete(name);
          for (const each of upserts) units.set(each.name, each);
          states.push({ version, units });
          parts.push(...encodeChange({ version, upserts, removes: change.removes }));
        });
        const bytes = Buffer.concat(parts);
        const cut = cutSeed % (bytes.length + 1);
        const decoded = decodeJournal(bytes.subarray(0, cut));
        if (cut < journalHeader.length) expect(decoded).toBeNull();
        else expect(states).toContainEqual(decoded?.state);

        // One changed byte behind the header: again a state that was, from before the damage.
        const damaged = Buffer.from(bytes);
        if (cut >= journalHeader.length && cut < bytes.length)
          damaged.writeUInt8((bytes.readUInt8(cut) + 1 + noise) & 255, cut);
        expect(states).toContainEqual(decodeJournal(damaged)?.state);
      }),
      { numRuns: 200 },
    );
  });

  it('holds a large change wholly or not at all', () => {
    const upserts = Array.from({ length: 1200 }, (_, index) => unit(`u${index}`, '1'));
    const parts = [...encodeChange({ version: '1', upserts, removes: [] })];
    expect(parts.length).toBe(3);
    expect(decodeJournal(Buffer.concat([journalHeader, ...parts.slice(0, 2)]))?.state.units.size).toBe(0);
    expect(decodeJournal(Buffer.concat([journalHeader, ...parts]))?.state.units.size).toBe(1200);
  });
});
