// Main's end of a data thread, whatever the thread is: a worker, or the data path in the main thread.

import { Worker } from 'node:worker_threads';
import { hostDataPlane, type DataPlane } from './thread-host.ts';
import type { FromThread, ToThread } from './thread-messages.ts';

export interface ThreadPort {
  post(message: ToThread): void;
  /** Set by the owner. */
  onMessage: ((message: FromThread) => void) | null;
  /** Set by the owner. Called once; `error` is null when it ended without one. */
  onExit: ((error: Error | null) => void) | null;
  terminate(): Promise<void>;
}

/**
 * The data path in the main thread. Messages pass by reference, one turn later, as from a worker. A change that throws
 * ends this data path as it would end a worker, and not the process, which would meet the change again when it is back.
 */
export function localPort(createPlane: (answer: (message: FromThread) => void) => DataPlane): ThreadPort {
  let ended = false;
  const end = async (error: Error | null): Promise<void> => {
    if (ended) return;
    ended = true;
    // A worker takes its sockets with it; here they have to be closed.
    await plane.drain(0, 0).catch(() => undefined);
    port.onExit?.(error);
  };
  const fail = (error: unknown): void => void end(error instanceof Error ? error : new Error(String(error)));
  const port: ThreadPort = {
    post: (message) =>
      void setImmediate(() => {
        if (ended) return;
        try {
          receive(message);
        } catch (error) {
          fail(error);
        }
      }),
    onMessage: null,
    onExit: null,
    terminate: () => end(null),
  };
  const answer = (message: FromThread): void => {
    if (!ended) port.onMessage?.(message);
  };
  const plane = createPlane(answer);
  const receive = hostDataPlane(plane, answer, fail);
  setImmediate(() => answer({ type: 'ready' }));
  return port;
}

/** `role` tells a data thread from any other worker that runs the same bundle. */
export const dataThreadRole = 'easegress-data-thread';

/**
 * Objects of a request die young. V8's own 96 MB is no quicker (30–35 us a request with either) and 35 MB dearer.
 */
const youngGenerationMb = 24;

/**
 * A worker from this very code: the entry file among sources, else the bundle that the process was started with (its
 * entry calls runThread() in a worker of this role). Not import.meta.url there: a bundle may have several files.
 */
export function workerPort(workerData: object): ThreadPort {
  const own = import.meta.url;
  const entry = own.endsWith('.ts') ? new URL('./thread-entry.ts', own) : (process.argv[1] ?? new URL(own));
  const worker = new Worker(entry, {
    workerData: { ...workerData, role: dataThreadRole },
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
  });
  let failure: Error | null = null;
  const port: ThreadPort = {
    post: (message) => worker.postMessage(message),
    onMessage: null,
    onExit: null,
    async terminate() {
      await worker.terminate();
    },
  };
  worker.on('message', (message: FromThread) => port.onMessage?.(message));
  worker.on('error', (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on('exit', (code) => {
    port.onExit?.(failure ?? (code === 0 ? null : new Error(`data thread ended with code ${code}`)));
  });
  return port;
}
