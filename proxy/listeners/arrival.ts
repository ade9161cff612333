// A connection before its protocol is known: it waits for a place under the port's limit, then for its first bytes,
// and is handed on. It answers nothing but a refusal.

import type { Socket } from 'node:net';
import { deadlineIn } from '#proxy/http1/clock.ts';
import type { ServedConnection } from '#proxy/http1/server-context.ts';
import { ownSocket, resetSocket, type SocketOwner } from '#proxy/http1/socket-events.ts';
import { sniff } from './sniff.ts';

export interface ArrivalOwner {
  /** Speaks HTTP/1.1; `first` is what came already. */
  onHttp1(arrival: Arrival, first: Buffer): void;
  /** Speaks HTTP/2 by prior knowledge; `first` begins with the preface. */
  onHttp2(arrival: Arrival, first: Buffer): void;
  onClosed(connection: ServedConnection): void;
}

export class Arrival implements ServedConnection, SocketOwner {
  readonly socket: Socket;
  private readonly owner: ArrivalOwner;
  private first: Buffer | null = null;
  private deadline = 0;

  constructor(socket: Socket, owner: ArrivalOwner) {
    this.socket = socket;
    this.owner = owner;
    ownSocket(socket, this);
    socket.pause();
  }

  /** It has its place: reads from now on, and has `timeout` milliseconds for its first bytes. */
  admit(timeout: number): void {
    this.deadline = deadlineIn(timeout);
    this.socket.resume();
  }

  /** The bytes are somebody else's from now on, until `handedOver` or the end. */
  secure(): void {
    this.deadline = 0;
  }

  /** What is behind the connection has another owner, who learns of its end. */
  handedOver(): void {
    ownSocket(this.socket, nobody);
  }

  receive(data: Buffer): void {
    this.first = this.first === null ? data : Buffer.concat([this.first, data]);
    switch (sniff(this.first)) {
      case 'http1':
        this.owner.onHttp1(this, this.first);
        break;
      case 'http2':
        this.owner.onHttp2(this, this.first);
        break;
      case 'tls':
      case 'unknown':
        this.socket.destroy();
        break;
      case null:
        break;
    }
  }

  sweep(now: number): void {
    if (this.deadline !== 0 && now > this.deadline) this.socket.destroy();
  }

  close(): void {
    this.socket.destroy();
  }

  destroy(): void {
    resetSocket(this.socket);
  }

  inputEnded(): void {
    this.socket.destroy();
  }

  drained(): void {}

  closed(): void {
    this.owner.onClosed(this);
  }
}

const nobody: SocketOwner = {
  receive: () => undefined,
  inputEnded: () => undefined,
  drained: () => undefined,
  closed: () => undefined,
};
