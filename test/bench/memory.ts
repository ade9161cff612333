// Memory of each gateway: idle, with 5,000 idle keep-alive connections that have carried a request, and after load.

import { mkdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { wrk } from './load.ts';
import { freePort, memoryMb, startPinned } from './processes.ts';
import type { Peer } from './peers/peer.ts';

export interface MemoryResult {
  readonly peer: string;
  readonly idleMb: number;
  readonly connections: number;
  readonly connectedMb: number;
  readonly beforeLoadMb: number;
  readonly afterLoadMb: number;
}

export async function measureMemory(options: {
  dir: string;
  originPort: number;
  peers: readonly Peer[];
}): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  for (const peer of options.peers) {
    const dir = path.join(options.dir, `${peer.name}-memory`);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    const port = await freePort();
    const command = peer.prepare({
      adminPort: await freePort(),
      dir,
      port,
      upstreamPort: options.originPort,
      hosts: 0,
      logFile: path.join(dir, 'access.log'),
    });
    await using running = await startPinned(command, 1, port);
    await sleep(2000);
    const idleMb = memoryMb(running.pid);
    const sockets = await openIdle(port, 5000);
    await sleep(2000);
    const connectedMb = memoryMb(running.pid);
    for (const socket of sockets) socket.destroy();
    const load = { port, path: '/', connections: 64, hosts: 0, dir };
    // "Before" is a warm process: the first second of load compiles the hot code.
    await wrk({ ...load, seconds: 3 });
    await sleep(3000);
    const beforeLoadMb = memoryMb(running.pid);
    await wrk({ ...load, seconds: 10 });
    await sleep(5000);
    results.push({
      peer: peer.name,
      idleMb,
      connections: sockets.length,
      connectedMb,
      beforeLoadMb,
      afterLoadMb: memoryMb(running.pid),
    });
  }
  return results;
}

/** Opens connections one batch at a time, sends one request on each and waits for its answer. */
async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    sockets.push(
      ...(await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, () => openOne(port)))),
    );
  }
  return sockets;
}

function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    socket.once('data', () => resolve(socket));
  });
}
