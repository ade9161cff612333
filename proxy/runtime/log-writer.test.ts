import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogWriter } from './log-writer.ts';

describe('the writer of the access log', () => {
  const file = path.join(tmpdir(), `log-writer-${process.pid}.log`);
  let fd = -1;
  let written = 0;
  let dropped = 0;
  let notify: () => void = () => undefined;
  const counted = (more: number, less: number): void => {
    written += more;
    dropped += less;
    notify();
  };

  beforeEach(() => {
    fd = openSync(file, 'w');
    written = 0;
    dropped = 0;
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(file);
  });

  it('writes a small batch after a while', async () => {
    const writer = new LogWriter({ fd, counted, flushMs: 1 });
    const over = new Promise<void>((resolve) => (notify = resolve));
    writer.line('a');
    writer.line('ü');
    await over;
    expect(readFileSync(file, 'utf8')).toBe('a\nü\n');
    expect(written).toBe(2);
  });

  it('writes all lines in order when it is closed, and none afterwards', async () => {
    const writer = new LogWriter({ fd, counted, flushMs: 1e6, flushLength: 100 });
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    for (const line of lines) writer.line(line);
    await writer.close();
    writer.line('late');
    expect(readFileSync(file, 'utf8')).toBe(`${lines.join('\n')}\n`);
    expect([written, dropped]).toEqual([500, 1]);
  });

  it('drops and counts what the descriptor does not take in time', async () => {
    const writer = new LogWriter({ fd, counted, flushMs: 1e6, flushLength: 10, maxLength: 100 });
    for (let i = 0; i < 1000; i++) writer.line('0123456789');
    await writer.close();
    expect(dropped).toBeGreaterThan(900);
    expect(written + dropped).toBe(1000);
    expect(readFileSync(file, 'utf8').split('\n').length - 1).toBe(written);
  });

  it('counts the lines of a write that fails as dropped', async () => {
    const writer = new LogWriter({ fd: openSync(file, 'r'), counted });
    writer.line('a');
    await writer.close();
    expect([written, dropped]).toEqual([0, 1]);
  });
});
