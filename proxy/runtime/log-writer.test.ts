import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogWriter } from './log-writer.ts';

describe('the writer of the access log', () => {
  let dir = '';
  let file = '';
  let told: (string | null)[] = [];
  let written = 0;
  let dropped = 0;
  const troubled = (error: Error | null): void => void told.push(error?.message.split(':')[0] ?? null);
  let notify: () => void = () => undefined;
  const counted = (more: number, less: number): void => {
    written += more;
    dropped += less;
    notify();
  };

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'log-writer-'));
    file = path.join(dir, 'access.log');
    told = [];
    written = 0;
    dropped = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('writes a small batch after a while', async () => {
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1 });
    const over = new Promise<void>((resolve) => (notify = resolve));
    writer.line('a');
    writer.line('ü');
    await over;
    expect(readFileSync(file, 'utf8')).toBe('a\nü\n');
    expect(written).toBe(2);
  });

  it('writes all lines in order when it is closed, and none afterwards', async () => {
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1e6, flushLength: 100 });
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    for (const line of lines) writer.line(line);
    await writer.close();
    writer.line('late');
    expect(readFileSync(file, 'utf8')).toBe(`${lines.join('\n')}\n`);
    expect([written, dropped]).toEqual([500, 1]);
  });

  it('drops and counts what the descriptor does not take in time', async () => {
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1e6, flushLength: 10, maxLength: 100 });
    for (let i = 0; i < 1000; i++) writer.line('0123456789');
    await writer.close();
    expect(dropped).toBeGreaterThan(900);
    expect(written + dropped).toBe(1000);
    expect(readFileSync(file, 'utf8').split('\n').length - 1).toBe(written);
  });

  it('drops what cannot be written, tells it once, and writes again when it can', async () => {
    symlinkSync('/dev/full', file);
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1 });
    const over = (): Promise<void> => new Promise((resolve) => (notify = resolve));
    for (const line of ['a', 'b']) {
      writer.line(line);
      await over();
    }
    expect([written, dropped, told]).toEqual([0, 2, ['ENOSPC']]);
    rmSync(file);
    writer.reopen();
    for (const line of ['c', 'd']) {
      writer.line(line);
      await over();
    }
    await writer.close();
    expect([written, dropped, told]).toEqual([2, 2, ['ENOSPC', null]]);
    expect(readFileSync(file, 'utf8')).toBe('c\nd\n');
  });

  it('tries a file that cannot be opened again with every batch', async () => {
    file = path.join(dir, 'later', 'access.log');
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1 });
    const dropping = new Promise<void>((resolve) => (notify = resolve));
    writer.line('a');
    await dropping;
    mkdirSync(path.dirname(file));
    writer.line('b');
    await writer.close();
    expect([written, dropped, told]).toEqual([1, 1, ['ENOENT', null]]);
    expect(readFileSync(file, 'utf8')).toBe('b\n');
  });

  it('goes on in a new file when the former one was moved away', async () => {
    const writer = new LogWriter({ place: file, counted, troubled, flushMs: 1 });
    const over = new Promise<void>((resolve) => (notify = resolve));
    writer.line('a');
    await over;
    renameSync(file, `${file}.1`);
    writer.reopen();
    writer.line('b');
    await writer.close();
    expect([readFileSync(`${file}.1`, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['a\n', 'b\n']);
  });
});
