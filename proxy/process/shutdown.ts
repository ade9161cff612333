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

/** `second` is called for a signal that comes when the end was asked for already. */
export function onShutdown(second: () => void): ShutdownSignal {
  const controller = new AbortController();
  const receive = (): void => {
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
