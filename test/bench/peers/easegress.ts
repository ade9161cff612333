// Our own gateway as a person runs it: `easegress run -f FOLDER`, one data thread, access log in text to a file.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hostNames, type Peer } from './peer.ts';

const cli = path.join(import.meta.dirname, '..', '..', '..', 'operator', 'cli.ts');

export const easegress: Peer = {
  name: 'easegress',
  metrics: true,
  prepare({ dir, port, upstreamPort, hosts, logFile, adminPort }) {
    const folder = path.join(dir, 'manifests');
    mkdirSync(folder, { recursive: true });
    const names = hosts === 0 ? [''] : hostNames(hosts);
    writeFileSync(path.join(folder, 'origin.yaml'), pipeline(upstreamPort));
    for (const [i, host] of names.entries())
      writeFileSync(path.join(folder, `route-${i}.yaml`), server(`r${i}`, host, port));
    return [
      process.execPath,
      cli,
      'run',
      '-f',
      folder,
      '--threads',
      '1',
      '--access-log',
      logFile,
      '--admin',
      `127.0.0.1:${adminPort}`,
    ];
  },
};

/** One HTTPServer, as a user would write it; like the other gateways', all hosts share one upstream. */
function server(name: string, host: string, port: number): string {
  return `apiVersion: easegress.megaease.com/v1alpha1
kind: HTTPServer
metadata: { name: ${name} }
spec:
  address: 127.0.0.1
  port: ${port}
  keepAliveTimeout: 60s
  rules:
  - ${host === '' ? '' : `host: ${host}\n    `}paths:
    - pathPrefix: /
      backend: origin
`;
}

function pipeline(upstreamPort: number): string {
  return `apiVersion: easegress.megaease.com/v1alpha1
kind: Pipeline
metadata: { name: origin }
spec:
  filters:
  - name: proxy
    kind: Proxy
    pools:
    - servers: [{ url: "http://127.0.0.1:${upstreamPort}" }]
`;
}
