// The worlds of the propagation bench: n routes in three shapes, and how to change one of them.

import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface World {
  readonly title: string;
  readonly routes: number;
  /** Writes everything. */
  create(folder: string, port: number): void;
  /** Lets route `i` answer `text` from now on. */
  change(folder: string, port: number, i: number, text: 'red' | 'blue'): void;
  /** Host and path that reach route `i`. */
  address(i: number): { host: string; path: string };
}

/** n objects, each with one host: the shape of a cluster with many teams. */
export function objects(routes: number): World {
  const object = (port: number, i: number, text: string): string => `kind: HTTPServer
name: route-${i}
address: 127.0.0.1
port: ${port}
rules: [{ host: h${i}.test, paths: [{ pathPrefix: /, backend: ${text} }] }]
`;
  return {
    title: `${routes} objects`,
    routes,
    create(folder, port) {
      pipelines(folder);
      for (let i = 0; i < routes; i++) writeFileSync(path.join(folder, `route-${i}.yaml`), object(port, i, 'red'));
    },
    change: (folder, port, i, text) => put(folder, `route-${i}.yaml`, object(port, i, text)),
    address: (i) => ({ host: `h${i}.test`, path: '/' }),
  };
}

/** One host with n paths, in rules of 250. JSON, because the reading of YAML is not what is measured. */
export function paths(routes: number): World {
  const changed = new Map<number, string>();
  const text = (port: number): string =>
    JSON.stringify({
      kind: 'HTTPServer',
      name: 'paths',
      address: '127.0.0.1',
      port,
      rules: Array.from({ length: Math.ceil(routes / 250) }, (_, rule) => ({
        host: 'paths.test',
        paths: Array.from({ length: Math.min(250, routes - rule * 250) }, (_p, at) => ({
          path: `/p${rule * 250 + at}`,
          backend: changed.get(rule * 250 + at) ?? 'red',
        })),
      })),
    });
  return {
    title: `one host with ${routes} paths`,
    routes,
    create(folder, port) {
      pipelines(folder);
      put(folder, 'paths.json', text(port));
    },
    change(folder, port, i, color) {
      changed.set(i, color);
      put(folder, 'paths.json', text(port));
    },
    address: (i) => ({ host: 'paths.test', path: `/p${i}` }),
  };
}

/** One object with n rules, each with a host. */
export function rules(routes: number): World {
  const changed = new Map<number, string>();
  const text = (port: number): string =>
    JSON.stringify({
      kind: 'HTTPServer',
      name: 'rules',
      address: '127.0.0.1',
      port,
      rules: Array.from({ length: routes }, (_, i) => ({
        host: `r${i}.test`,
        paths: [{ pathPrefix: '/', backend: changed.get(i) ?? 'red' }],
      })),
    });
  return {
    title: `one object with ${routes} rules`,
    routes,
    create(folder, port) {
      pipelines(folder);
      put(folder, 'rules.json', text(port));
    },
    change(folder, port, i, color) {
      changed.set(i, color);
      put(folder, 'rules.json', text(port));
    },
    address: (i) => ({ host: `r${i}.test`, path: '/' }),
  };
}

function pipelines(folder: string): void {
  const one = (color: string): string =>
    `kind: Pipeline\nname: ${color}\nfilters: [{ name: mock, kind: Mock, rules: [{ match: {}, code: 200, body: ${color} }] }]\n`;
  writeFileSync(path.join(folder, 'colors.yaml'), `${one('red')}---\n${one('blue')}`);
}

function put(folder: string, name: string, text: string): void {
  const temporary = path.join(folder, `.${name}.tmp`);
  writeFileSync(temporary, text);
  renameSync(temporary, path.join(folder, name));
}
