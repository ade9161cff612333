// A connection before its protocol is known: it waits for a place under the port's limit, then for its first bytes,
// and is handed on. Where its peer relays for others, a PROXY header comes before anything else, TLS included. It
// answers nothing but a refusal.

import type { Socket } from 'node:net';
import { deadlineIn } from '#proxy/http1/clock.ts';
import type { ServedConnection } from '#proxy/http1/server-context.ts';
import { ownSocket, resetSocket, type SocketOwner } from '#proxy/http1/socket-events.ts';
import { readProxyHeader, type Relayed } from './proxy-header.ts';
import { sniff } from './sniff.ts';

export interface ArrivalOwner {
  /** The PROXY header was read; `rest` is what came behind it. null = the peer speaks for itself. */
  onRelayed(arrival: Arrival, relayed: Relayed | null, rest: Buffer): void;
  /** What should be a PROXY header is none; the connection is closed. */
  onUnrelayed(): void;
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
  private relaying = false;
  private secured = false;

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

  /** Its first bytes have to be a PROXY header, within `timeout` milliseconds. */
  awaitRelayed(timeout: number): void {
    this.relaying = true;
    this.admit(timeout);
  }

  /** The bytes are somebody else's from now on, `rest` first, until `handedOver` or the end. */
  secure(rest: Buffer | null): void {
    this.deadline = 0;
    this.secured = true;
    this.socket.pause();
    if (rest !== null && rest.length > 0) this.socket.unshift(rest);
  }

  /** What is behind the connection has another owner, who learns of its end. */
  handedOver(): void {
    ownSocket(this.socket, nobody);
  }

  receive(data: Buffer): void {
    // Whoever takes them reads them off the socket, which tells this owner too.
    if (this.secured) return;
    this.first = this.first === null ? data : Buffer.concat([this.first, data]);
    if (this.relaying) {
      this.readRelayed(this.first);
      return;
    }
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

  get buffered(): number {
    return this.first === null ? 0 : this.first.length;
  }

  dropHead(): number {
    return 0;
  }

  private readRelayed(first: Buffer): void {
    const header = readProxyHeader(first);
    if (header === null) return;
    if (header === 'malformed') {
      this.owner.onUnrelayed();
      this.socket.destroy();
      return;
    }
    this.relaying = false;
    this.first = null;
    this.owner.onRelayed(this, header.relayed, first.subarray(header.size));
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
