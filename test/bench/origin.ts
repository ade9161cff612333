// The back end of the bench: one nginx worker that answers 110 bytes at /, and 64 KiB at /64k.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startPinned, type Running } from './processes.ts';

/** What the origin answers; the bench compares bodies with it. */
export const bodies: Readonly<Record<string, Buffer>> = {
  '/': Buffer.from('x'.repeat(109) + '\n'),
  '/64k': Buffer.from('y'.repeat(65535) + '\n'),
};

export async function startOrigin(dir: string, port: number): Promise<Running> {
  mkdirSync(path.join(dir, 'www'), { recursive: true });
  writeFileSync(path.join(dir, 'www', 'index.html'), bodies['/'] ?? '');
  writeFileSync(path.join(dir, 'www', '64k'), bodies['/64k'] ?? '');
  const file = path.join(dir, 'origin.conf');
  writeFileSync(
    file,
    `daemon off; user root; worker_processes 1; pid ${dir}/origin.pid; error_log ${dir}/origin-error.log warn;
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain;
  client_body_temp_path ${dir}/o-body; proxy_temp_path ${dir}/o-proxy; fastcgi_temp_path ${dir}/o-f; uwsgi_temp_path ${dir}/o-u; scgi_temp_path ${dir}/o-s;
  open_file_cache max=16 inactive=600s; open_file_cache_valid 600s; open_file_cache_min_uses 1;
  server { listen 127.0.0.1:${port} backlog=4096; root ${dir}/www; index index.html; }
}
`,
  );
  return startPinned(['nginx', '-p', dir, '-c', file], 0, port);
}
