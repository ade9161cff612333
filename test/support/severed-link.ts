// A TCP relay whose cable can be pulled: afterwards both sides keep an open connection on which nothing arrives and
// nothing is refused, as when a machine on the way has gone.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SeveredLink extends AsyncDisposable {
  readonly port: number;
  /** Connections that were made so far. */
  readonly made: number;
  /** From now on what exists carries nothing; new connections work. */
  pull(): void;
}

export async function severedLink(to: number): Promise<SeveredLink> {
  const sockets = new Set<Socket>();
  let made = 0;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    made++;
    const far = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get made() {
      return made;
    },
    pull() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.removeAllListeners('close');
        socket.pause();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
