import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostNames, type Peer } from './peer.ts';

export const nginx: Peer = {
  name: 'nginx',
  prepare({ dir, port, upstreamPort, hosts, logFile }) {
    const location =
      'location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; }';
    const servers =
      hosts === 0
        ? `server { listen 127.0.0.1:${port} reuseport backlog=4096; ${location} }`
        : [
            `server { listen 127.0.0.1:${port} default_server reuseport backlog=4096; return 404; }`,
            ...hostNames(hosts).map((host) => `server { listen 127.0.0.1:${port}; server_name ${host}; ${location} }`),
          ].join('\n');
    const file = path.join(dir, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; user root; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/error.log warn;
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  access_log ${logFile} combined buffer=64k flush=1s;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  keepalive_requests 1000000000; keepalive_timeout 60s;
  upstream origin { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  ${servers}
}
`,
    );
    return ['nginx', '-p', dir, '-c', file];
  },
};
