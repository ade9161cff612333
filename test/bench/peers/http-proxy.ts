// npm http-proxy, the baseline of decision 0001: the smallest gateway that one would write with it.

import path from 'node:path';
import type { Peer } from './peer.ts';

export const httpProxy: Peer = {
  name: 'http-proxy',
  prepare({ port, upstreamPort, hosts, logFile }) {
    const server = path.join(import.meta.dirname, 'http-proxy-server.ts');
    return [process.execPath, server, String(port), String(upstreamPort), String(hosts), logFile];
  },
};
