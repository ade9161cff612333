// Signals of a process. The first SIGTERM or SIGINT asks for a clean end, a second one ends it at once.

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
  for (const name of signals) process.on(name, receive);
  return {
    signal: controller.signal,
    request: () => controller.abort(),
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, receive);
    },
  };
}
