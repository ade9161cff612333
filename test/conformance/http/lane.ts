// A lane is one port of the gateway and the origin behind it, used by one case at a time. The origin is nothing but
// sockets: it records every byte, and what it answers is the case's part. Between two cases a lane is flushed: a
// request of its own goes all the way and back, so that whatever the case had set off before has arrived.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { readRequests } from './messages.ts';

const flushTarget = '/flush-the-lane';

/** How bytes are cut into writes. */
export type Cuts = (length: number) => readonly number[];

/** Writes `text` in pieces that arrive one by one. */
export async function writeCut(socket: Socket, text: string, cuts: Cuts): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  let from = 0;
  for (const cut of [...cuts(bytes.length), bytes.length]) {
    if (socket.destroyed || !socket.writable) return;
    socket.write(bytes.subarray(from, cut));
    from = cut;
    if (from < bytes.length) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** What a lane tells whoever plays a case on it. */
export interface LaneUser {
  readonly cuts: Cuts;
  /** Called when more has arrived on the connection, or it ended. */
  changed(connection: OriginSide): void;
}

/** One connection at the origin. */
export class OriginSide {
  /** What arrived since the case began, one character per byte. */
  text = '';
  ended = false;
  closed = false;
  /** Requests handed to the case. */
  handled = 0;
  readonly socket: Socket;
  private readonly lane: Lane;
  private writing: Promise<void> = Promise.resolve();

  constructor(socket: Socket, lane: Lane) {
    this.socket = socket;
    this.lane = lane;
    socket.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      lane.arrived(this);
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.ended = true;
      lane.changed(this);
    });
    socket.on('close', () => {
      this.closed = true;
      lane.changed(this);
    });
  }

  /** In pieces, after what was sent before. */
  send(text: string): this {
    const { cuts } = this.lane;
    this.writing = this.writing.then(() => writeCut(this.socket, text, cuts));
    return this;
  }

  /** FIN after what was sent. */
  end(): this {
    this.writing = this.writing.then(() => void this.socket.end());
    return this;
  }

  reset(): void {
    this.writing = this.writing.then(() => void this.socket.resetAndDestroy());
  }

  /** 200 with Content-Length. `fields` are whole lines. */
  answer(body = 'ok', ...fields: readonly string[]): this {
    return this.send(
      ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...fields].map((line) => `${line}\r\n`).join('') +
        `\r\n${body}`,
    );
  }
}

export class Lane implements AsyncDisposable {
  /** Of the gateway. */
  readonly port: number;
  user: LaneUser | null = null;
  /** Connections that live or have lived in this case. */
  connections: OriginSide[] = [];
  private readonly server: Server;

  private constructor(port: number, server: Server) {
    this.port = port;
    this.server = server;
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      this.connections.push(new OriginSide(socket, this));
    });
  }

  static async start(port: number): Promise<Lane> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Lane(port, server);
  }

  get originPort(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get cuts(): Cuts {
    return this.user?.cuts ?? (() => []);
  }

  begin(user: LaneUser): void {
    this.connections = this.connections.filter(({ closed }) => !closed);
    for (const connection of this.connections) {
      connection.text = '';
      connection.handled = 0;
    }
    this.user = user;
  }

  arrived(connection: OriginSide): void {
    const { text } = connection;
    const at = text.indexOf(`GET ${flushTarget} HTTP/1.1\r\n`);
    if (at !== -1 && text.endsWith('\r\n\r\n')) {
      connection.text = text.slice(0, at);
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nflush');
      return;
    }
    this.user?.changed(connection);
  }

  changed(connection: OriginSide): void {
    this.user?.changed(connection);
  }

  /** Resolves when everything that was under way has arrived. */
  flush(): Promise<void> {
    const socket = connect({ port: this.port, host: '127.0.0.1' });
    socket.write(`GET ${flushTarget} HTTP/1.1\r\nHost: flush.test\r\nConnection: close\r\n\r\n`);
    let text = '';
    return new Promise((resolve, reject) => {
      socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
      socket.on('error', reject);
      socket.on('end', () => (text.includes('flush') ? resolve() : reject(new Error(`the lane is blocked: ${text}`))));
    });
  }

  /** No connection is left from the case, and the gateway knows it. */
  async clear(): Promise<void> {
    this.user = null;
    for (const { socket } of this.connections) socket.destroy();
    await this.flush();
  }

  /** Requests that reached the origin, over all connections. */
  get requestCount(): number {
    return this.connections.reduce((sum, { text }) => sum + readRequests(text).messages.length, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
