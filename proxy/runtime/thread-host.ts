// One data plane at the thread's end of a port: turns messages of main into calls and answers them. The same for a
// worker thread and for the data path in the main thread.

import { measure } from './measure.ts';
import type { LiveChange, Rejection } from '#proxy/contract/messages.ts';
import type { FromThread, PrepareStep, ResolvedNames, ToThread } from './thread-messages.ts';

/** What serves, without what is around it in a thread. */
export type ServingPlane = Omit<DataPlane, 'reopenLog'>;

/** All that one data thread does. Between prepare() and commit() or abort() nothing of the change serves. */
export interface DataPlane {
  /** Builds the change beside what runs. A unit that cannot be built is in the answer and costs no other unit. */
  prepare(step: PrepareStep): Promise<readonly Rejection[]>;
  /** Everything prepared, less what any thread rejected, goes live in one go. */
  commit(rejected: readonly Rejection[]): void;
  abort(): void;
  live(change: LiveChange): void;
  resolved(names: ResolvedNames): void;
  releaseSeries(names: readonly string[]): void;
  /** The file of the access log was moved away. */
  reopenLog(): void;
  /** Goes on accepting for `graceMs`, then lets requests end; resolves when none is left or at the deadline. */
  drain(graceMs: number, deadlineMs: number): Promise<void>;
}

/** Returns what main's messages go into. A throw is a bug of ours and ends the thread; `failed` gets a later one. */
export function hostDataPlane(
  plane: DataPlane,
  answer: (message: FromThread) => void,
  failed: (error: unknown) => void = rethrow,
): (message: ToThread) => void {
  return (message) => {
    switch (message.type) {
      case 'prepare': {
        const { id } = message;
        plane
          .prepare(message)
          .then((rejected) => answer({ type: 'prepared', id, rejected }))
          .catch(failed);
        return;
      }
      case 'commit':
        plane.commit(message.rejected);
        answer({ type: 'committed', id: message.id });
        return;
      case 'abort':
        plane.abort();
        return;
      case 'live':
        plane.live(message.change);
        return;
      case 'resolved':
        plane.resolved(message.names);
        return;
      case 'releaseSeries':
        plane.releaseSeries(message.names);
        return;
      case 'reopenLog':
        plane.reopenLog();
        return;
      case 'measure':
        answer({ type: 'stats', values: measure() });
        return;
      case 'crash':
        throw new Error('the thread was asked to crash');
      case 'drain':
        void plane.drain(message.graceMs, message.deadlineMs).then(() => answer({ type: 'drained' }));
        return;
      default:
        message satisfies never;
    }
  };
}

function rethrow(error: unknown): never {
  throw error;
}
