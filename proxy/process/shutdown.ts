// Signals of a process. The first SIGTERM or SIGINT asks for a clean end, a second one ends it at once. SIGHUP is two
// things: a terminal that was closed, where there is one, asks for a clean end; a daemon is asked to open its log anew,
// as by SIGUSR1.

import { isatty } from 'node:tty';

export interface ShutdownSignal extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Asks for the same from inside. */
  request(): void;
}

const signals = ['SIGTERM', 'SIGINT'] as const;

/** npm and npx pass signals on to a process that the terminal has told as well: one Ctrl-C arrives twice at once. */
const samePressMs = 300;

/** `second` is called for a signal that comes when the end was asked for already. */
export function onShutdown(second: () => void, clock: () => number = () => performance.now()): ShutdownSignal {
  const controller = new AbortController();
  let first: { readonly name: string; readonly at: number } | null = null;
  const receive = (name: string): void => {
    if (first !== null && first.name === name && clock() - first.at < samePressMs) return;
    first ??= { name, at: clock() };
    if (controller.signal.aborted) second();
    else controller.abort();
  };
  const hangUp = (): void => controller.abort();
  for (const name of signals) process.on(name, receive);
  if (isatty(0)) process.on('SIGHUP', hangUp);
  return {
    signal: controller.signal,
    request: () => controller.abort(),
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, receive);
      process.off('SIGHUP', hangUp);
    },
  };
}

/** Calls `reopen` for SIGUSR1, and for SIGHUP of a process without a terminal. */
export function onReopen(reopen: () => void): Disposable {
  const names = isatty(0) ? (['SIGUSR1'] as const) : (['SIGUSR1', 'SIGHUP'] as const);
  for (const name of names) process.on(name, reopen);
  return {
    [Symbol.dispose]() {
      for (const name of names) process.off(name, reopen);
    },
  };
}
