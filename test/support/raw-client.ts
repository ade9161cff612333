// A client that is nothing but a socket: it sends exact bytes and shows the exact bytes that came back.

import { connect, type Socket } from 'node:net';

export class RawClient implements AsyncDisposable {
  /** Everything received, one character per byte. */
  received = '';
  /** The other side has ended its direction. */
  ended = false;
  closed = false;
  /** Code of the socket's error, `` for none: ECONNRESET when the other side reset. */
  error = '';
  readonly socket: Socket;
  private watchers: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1');
      this.changed();
    });
    this.socket.on('connect', () => this.changed());
    this.socket.on('end', () => {
      this.ended = true;
      this.changed();
    });
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
      this.changed();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.changed();
    });
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
    return this;
  }

  /** FIN; it still reads. */
  end(): this {
    this.socket.end();
    return this;
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves when `condition` holds; it is tried whenever something arrives or the connection ends. */
  async until(condition: (client: RawClient) => boolean): Promise<this> {
    while (!condition(this)) {
      if (this.closed) throw new Error(`connection closed (${this.error}) after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => this.watchers.push(resolve));
    }
    return this;
  }

  async untilReceived(text: string): Promise<this> {
    return this.until(() => this.received.includes(text));
  }

  /** Everything until the other side ended or reset the connection. */
  async untilEnd(): Promise<string> {
    await this.until(() => this.ended || this.closed);
    return this.received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    while (!this.closed) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  private changed(): void {
    for (const watcher of this.watchers.splice(0)) watcher();
  }
}
