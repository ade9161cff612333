// Manifests for tests, as text. Objects are written as plain values; JSON is YAML.

type Fields = Readonly<Record<string, unknown>>;

/** A file with these objects. */
export function manifest(...objects: readonly Fields[]): string {
  return objects.map((object) => JSON.stringify(object, null, 1)).join('\n---\n');
}

export function object(kind: string, name: string, spec: Fields): Fields {
  return { apiVersion: 'easegress.megaease.com/v1alpha1', kind, metadata: { name }, spec };
}

/** On loopback. `paths`: prefix → pipeline, or a whole path entry. */
export function server(name: string, port: number, paths: readonly Fields[], more: Fields = {}): Fields {
  return object('HTTPServer', name, { address: '127.0.0.1', port, rules: [{ paths }], ...more });
}

export function route(pathPrefix: string, backend: string, more: Fields = {}): Fields {
  return { pathPrefix, backend, ...more };
}

export function pipeline(name: string, filters: readonly Fields[], more: Fields = {}): Fields {
  return object('Pipeline', name, { filters, ...more });
}

/** Answers 200 with `body`. */
export function mock(name: string, body: string): Fields {
  return pipeline(name, [{ name: 'mock', kind: 'Mock', rules: [{ match: {}, code: 200, body }] }]);
}

/** Sends everything to one server on loopback. */
export function proxying(name: string, port: number, pool: Fields = {}, filter: Fields = {}): Fields {
  const pools = [{ servers: [{ url: `http://127.0.0.1:${port}` }], ...pool }];
  return pipeline(name, [{ name: 'proxy', kind: 'Proxy', ...filter, pools }]);
}
