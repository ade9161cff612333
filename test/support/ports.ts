// Ports for tests that must name one before it is bound. Below the range from which the system takes ports for
// outgoing connections, and reserved for this process by a lock, so that tests that run at the same time never get
// the same one. A reservation lasts as long as the process.

import { createServer } from 'node:net';
import { takeLock } from '#proxy/runtime/address-lock.ts';

const first = 12_000;
const count = 8_000;
/** Proxies of one world listen this far apart. */
export const portStep = 10_000;

let next = Math.floor(Math.random() * count);

/** A port that nobody has; with `proxies` also those that further proxies take for it. */
export async function reservePort(proxies = 1): Promise<number> {
  for (let tries = 0; tries < count; tries++) {
    const port = first + (next++ % count);
    if ((await takeLock(`test/port:${port}`)) === null) continue;
    const wanted = Array.from({ length: proxies }, (_, index) => port + index * portStep);
    const free = await Promise.all(wanted.map(isFree));
    if (free.every(Boolean)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
