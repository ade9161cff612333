// An operator in the same process as the source of a proxy's units (`easegress run`): the two halves of the
// conversation, joined without bytes. Messages are handed over in later turns, as a network would, so that neither half
// is entered twice.

import type { Log } from '#proxy/process/log.ts';
import type { UnitSink, UnitSource } from '#proxy/sources/source.ts';
import { StreamConversation } from '#proxy/sources/stream-conversation.ts';
import type { Sessions } from './publish/sessions.ts';

export function localSource(sessions: Sessions, name: string, log: Log): UnitSource {
  return new LocalSource(sessions, name, log);
}

class LocalSource implements UnitSource {
  private readonly sessions: Sessions;
  private readonly name: string;
  private readonly log: Log;
  private stopped = false;
  private end: () => void = () => {};

  constructor(sessions: Sessions, name: string, log: Log) {
    this.sessions = sessions;
    this.name = name;
    this.log = log;
  }

  start(sink: UnitSink): Promise<void> {
    const self = { name: this.name, build: '', unitKinds: [], filterKinds: [] };
    this.connect(new StreamConversation(sink, self, this.log));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.stopped = true;
    this.end();
    return Promise.resolve();
  }

  private connect(conversation: StreamConversation): void {
    const identity = { name: this.name, audiences: ['default'], validForMs: null };
    // What an ended connection still had on its way must not reach the next one.
    let over = false;
    const again = (): void => {
      this.end();
      if (!this.stopped) this.connect(conversation);
    };
    const session = this.sessions.open(
      identity,
      {
        send(message) {
          queueMicrotask(() => {
            if (!over) conversation.receive(message);
          });
          return true;
        },
        close: () => {},
      },
      () => Promise.resolve(identity),
    );
    if (session === null) return;
    this.end = () => {
      over = true;
      conversation.disconnected();
      session.closed();
    };
    conversation.connected({
      send: (message) => queueMicrotask(() => session.receive(message)),
      fail: again,
      goodbye: again,
      welcomed: () => {},
      acknowledged: () => {},
    });
  }
}
