// Bounds what strangers may hold of a server: connections that nobody has vouched for yet. A further one costs the
// oldest its place, so that whoever holds many open keeps nobody out who is done within a moment, and descriptors are
// left for traffic. Used by the pages of a process and by the operator's push port.

import type { Server, Socket } from 'node:net';

export class Newcomers {
  /** Connections that lost their place. */
  turnedOut = 0;
  private readonly most: number;
  /** By address and port of the peer, oldest first. */
  private readonly sockets = new Map<string, Socket>();

  /** Call it before anybody connects. */
  constructor(server: Server, most: number) {
    this.most = most;
    server.on('connection', (socket) => this.admit(socket));
  }

  /** The peer is known: it keeps its connection. `socket` may be the TLS socket above the one that was admitted. */
  vouch(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.sockets.delete(keyOf(socket));
  }

  private admit(socket: Socket): void {
    const key = keyOf(socket);
    this.sockets.set(key, socket);
    socket.once('close', () => {
      if (this.sockets.get(key) === socket) this.sockets.delete(key);
    });
    if (this.sockets.size <= this.most) return;
    for (const [oldest, stale] of this.sockets) {
      this.sockets.delete(oldest);
      this.turnedOut++;
      stale.destroy();
      return;
    }
  }
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0}`;
}
