// A TCP relay that counts what goes through it, for tests about bytes on the wire.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface CountingRelay extends AsyncDisposable {
  readonly port: number;
  /** Bytes towards whoever connected, since the last reset(). */
  readonly received: number;
  reset(): void;
}

export async function startCountingRelay(to: number): Promise<CountingRelay> {
  const sockets = new Set<Socket>();
  let received = 0;
  const server = createServer((near) => {
    const far = connect({ port: to, host: '127.0.0.1' });
    far.on('data', (data: Buffer) => (received += data.length));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get received() {
      return received;
    },
    reset() {
      received = 0;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
