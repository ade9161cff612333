// Plays one case on a lane: the client's bytes, cut as asked, what the origin does, and in the end what both sides
// have seen. It judges nothing.

import { connect, type Socket } from 'node:net';
import { type Cuts, type Lane, type LaneUser, OriginSide, writeCut } from './lane.ts';
import { readAnswers, readRequests } from './messages.ts';
import type { Case, Seen } from './row.ts';

export { OriginSide };

const patienceMs = 8000;

/** The client of a case. */
export class ClientSide {
  /** Everything received, one character per byte. */
  text = '';
  ended = false;
  closed = false;
  error = '';
  private readonly socket: Socket;
  private readonly lane: Lane;
  private readonly cuts: Cuts;
  private readonly heads: readonly number[];
  private watchers: (() => void)[] = [];

  constructor(lane: Lane, cuts: Cuts, one: Case) {
    this.lane = lane;
    this.cuts = cuts;
    this.heads = one.heads ?? [];
    const from = one.from === undefined ? {} : { localAddress: one.from };
    const host = one.address ?? '127.0.0.1';
    this.socket = connect({ port: lane.port, host, ...from, allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.wake();
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
    this.socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  send(text: string): Promise<void> {
    return writeCut(this.socket, text, this.cuts);
  }

  /** FIN; it still reads. */
  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Final answers so far. */
  get answers(): number {
    return this.read().messages.filter(({ start, whole }) => whole && (start[1] >= '200' || start[1] === '101')).length;
  }

  read(): ReturnType<typeof readAnswers> {
    return readAnswers(this.text, { heads: this.heads, ended: this.ended && this.error === '' });
  }

  /** Resolves when `holds`, when the connection has ended, or when patience is over. */
  async until(holds: () => boolean): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => late.resolve(), patienceMs);
    let over = false;
    void late.promise.then(() => (over = true));
    while (!holds() && !this.closed && !over) {
      await Promise.race([new Promise<void>((resolve) => this.watchers.push(resolve)), late.promise]);
    }
    clearTimeout(timer);
  }

  received(text: string): Promise<void> {
    return this.until(() => this.text.includes(text));
  }

  answered(count: number): Promise<void> {
    return this.until(() => this.answers >= count);
  }

  over(): Promise<void> {
    return this.until(() => this.ended);
  }

  /** Until so many requests, whole or not, have reached the origin. */
  reached(count: number): Promise<void> {
    return this.until(() => this.lane.requestCount >= count);
  }

  /** Until something holds for a connection of the origin. */
  origin(holds: (connection: OriginSide) => boolean): Promise<void> {
    return this.until(() => this.lane.connections.some((connection) => holds(connection)));
  }

  destroy(): void {
    this.socket.destroy();
  }

  wake(): void {
    for (const watcher of this.watchers.splice(0)) watcher();
  }
}

export async function play(one: Case, lane: Lane, cuts: Cuts, log: Seen['log']): Promise<Seen> {
  const begun = performance.now();
  const used: Cuts = one.whole === true ? () => [] : cuts;
  // The lane first: the client may be answered before anything else happens.
  const user: LaneUser = { cuts: used, changed: (connection) => react(connection, one, client) };
  lane.begin(user);
  const client = new ClientSide(lane, used, one);
  if (typeof one.client === 'string') await client.send(one.client);
  else await one.client(client);
  if (one.ends === true) await client.over();
  else await client.answered(one.answers ?? 1);
  const tookMs = performance.now() - begun;
  await lane.flush();

  const { messages, problem } = client.read();
  const connections = lane.connections
    .filter(({ text }) => text !== '')
    .map(({ text, ended, closed }) => ({ text, ended, closed }));
  const readings = connections.map(({ text }) => readRequests(text));
  const seen: Seen = {
    client: {
      text: client.text,
      interim: messages.filter(({ start }) => start[1] < '200' && start[1] !== '101'),
      answers: messages.filter(({ start }) => start[1] >= '200' || start[1] === '101'),
      problem,
      ended: client.ended || client.closed,
      error: client.error,
    },
    origin: {
      requests: readings.flatMap((reading) => reading.messages),
      connections,
      problem: readings.map((reading) => reading.problem).find((each) => each !== '') ?? '',
    },
    tookMs,
    log,
  };
  client.destroy();
  await lane.clear();
  return seen;
}

/** More has arrived at the origin: whole requests are handed to the case, in order. */
function react(connection: OriginSide, one: Case, client: ClientSide): void {
  const origin = one.origin ?? ((side) => side.answer());
  if (one.early !== undefined) {
    if (connection.handled === 0 && connection.text.includes('\r\n\r\n')) {
      connection.handled = 1;
      one.early(connection);
    }
  } else {
    const { messages } = readRequests(connection.text);
    for (; connection.handled < messages.length; connection.handled++) {
      const request = messages[connection.handled];
      if (request?.whole !== true) break;
      origin(connection, request);
    }
  }
  client.wake();
}
