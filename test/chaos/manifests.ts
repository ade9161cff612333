// The manifests of the chaos run. Every swap changes the route, the pipeline and the upstream, in turn, in ways that
// a client must not see: another rewrite of the same path, another filter name, another of two equal origins.

import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface ChaosWorld {
  readonly folder: string;
  readonly port: number;
  readonly origins: readonly number[];
}

export function writeManifests(world: ChaosWorld, swap: number): void {
  const route = Math.floor(swap / 3);
  const pipeline = Math.floor((swap + 1) / 3);
  const upstream = Math.floor((swap + 2) / 3);
  put(world.folder, 'server.yaml', server(world.port, route));
  put(world.folder, 'pipeline.yaml', chaosPipeline(pipeline, world.origins[upstream % world.origins.length] ?? 0));
}

function server(port: number, version: number): string {
  return `kind: HTTPServer
name: chaos
address: 127.0.0.1
port: ${port}
keepAliveTimeout: 600s
clientMaxBodySize: -1
rules:
- host: chaos.test
  paths:
  - path: /never-asked-for-${version}
    backend: chaos
  - pathPrefix: /
    rewriteTarget: /
    setHeaders: { X-Route-Version: "${version}" }
    backend: chaos
- paths:
  - pathPrefix: /
    backend: chaos
`;
}

function chaosPipeline(version: number, origin: number): string {
  const name = `proxy-${version % 2}`;
  return `kind: Pipeline
name: chaos
flow:
- filter: mock
- filter: ${name}
filters:
- name: mock
  kind: Mock
  rules: [{ match: { path: /mocked-${version} }, code: 200, body: mocked }]
- name: ${name}
  kind: Proxy
  serverMaxBodySize: -1
  pools:
  - servers: [{ url: "http://127.0.0.1:${origin}" }]
`;
}

/** Write and rename, as an editor does. */
function put(folder: string, name: string, text: string): void {
  const temporary = path.join(folder, `.${name}.tmp`);
  writeFileSync(temporary, text);
  renameSync(temporary, path.join(folder, name));
}
