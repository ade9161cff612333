// One process per name: an address and port, or a folder of units. With reusePort the kernel lets a second process of
// the same user bind a port that is taken, and would give it half of the connections without a word; so every process
// takes a lock by that name first. The lock is a listening socket of the local kind: it goes with the process, however
// that ends.

import { createServer, connect, type Server } from 'node:net';
import { unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface AddressLock {
  release(): Promise<void>;
}

/** The lock of that name, or null when another process (or this one) has it. */
export async function takeLock(name: string): Promise<AddressLock | null> {
  // On Linux in the abstract namespace: no file is left behind, and it is per network namespace as ports are.
  if (process.platform === 'linux') return listen(`\0easegress/${name}`);
  const file = path.join(tmpdir(), `easegress-${name.replace(/[^\w.-]/g, '_')}.sock`);
  const lock = await listen(file);
  if (lock !== null || (await answers(file))) return lock;
  unlinkSync(file);
  return listen(file);
}

function listen(place: string): Promise<AddressLock | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen({ path: place }, () => {
      server.unref();
      resolve({ release: () => close(server) });
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** False when the socket is what a process left that ended. */
function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: file });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
