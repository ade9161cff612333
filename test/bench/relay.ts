// A TCP relay that counts bytes: how the bench learns what was pushed without asking the product.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Bytes from the target to clients, and back. */
  readonly counts: { down: number; up: number };
}

export async function startRelay(targetPort: number): Promise<Relay> {
  const counts = { down: 0, up: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    join(client, target, (bytes) => (counts.up += bytes));
    join(target, client, (bytes) => (counts.down += bytes));
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function join(from: Socket, to: Socket, count: (bytes: number) => void): void {
  from.on('data', (data) => {
    count(data.length);
    if (!to.write(data)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}
