// Says when the process runs out of file descriptors. The system then closes new connections without a word to the
// listener, so nobody else would tell; what is open goes on being served. Linux only, where /proc shows both figures.

import { readdir, readFile } from 'node:fs/promises';
import type { Log } from './log.ts';

export interface DescriptorUse {
  readonly open: number;
  readonly limit: number;
}

export interface DescriptorWatchOptions {
  readonly log: Log;
  readonly everyMs?: number;
  /** null = unknown. */
  readonly use?: () => Promise<DescriptorUse | null>;
}

const everyMs = 5_000;

/** Warns once when nine in ten are used, and says when it is over. */
export function watchDescriptors({ log, use = ownUse, ...options }: DescriptorWatchOptions): Disposable {
  let scarce = false;
  const look = async (): Promise<void> => {
    const now = await use();
    if (now === null) return;
    const { open, limit } = now;
    if (!scarce && open >= limit * 0.9) {
      scarce = true;
      log.error({ open, limit }, 'file descriptors run out and new connections are closed; raise `ulimit -n`');
    } else if (scarce && open < limit * 0.8) {
      scarce = false;
      log.info({ open, limit }, 'there are file descriptors again');
    }
  };
  void look();
  const timer = setInterval(() => void look(), options.everyMs ?? everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

let limit: number | null = null;

async function ownUse(): Promise<DescriptorUse | null> {
  if (process.platform !== 'linux') return null;
  try {
    // Read once, early: later there may be no descriptor left to read it with.
    limit ??= Number(/^Max open files +(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
    return { open: (await readdir('/proc/self/fd')).length, limit };
  } catch (error) {
    const exhausted = error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE');
    return exhausted ? { open: limit ?? 0, limit: limit ?? 0 } : null;
  }
}
