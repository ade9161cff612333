// haproxy cannot log to a file by itself: it writes to a descriptor, which the bench points at the log file.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostNames, type Peer } from './peer.ts';

export const haproxy: Peer = {
  name: 'haproxy',
  prepare({ dir, port, upstreamPort, hosts, logFile }) {
    const map = path.join(dir, 'hosts.map');
    writeFileSync(
      map,
      hostNames(hosts)
        .map((host) => `${host} origin`)
        .join('\n') + '\n',
    );
    const backend = (name: string): string =>
      `backend ${name}\n  http-reuse always\n  server origin 127.0.0.1:${upstreamPort} pool-max-conn 1024\n`;
    const file = path.join(dir, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 8192
  log fd@1 format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend main
  bind 127.0.0.1:${port} backlog 4096
${hosts === 0 ? '  default_backend origin' : `  use_backend %[req.hdr(host),lower,map_str(${map})]`}
${backend('origin')}
`,
    );
    return ['sh', '-c', `exec haproxy -db -f ${file} >> ${logFile}`];
  },
};
