// The pages of a process. Health and metrics on one listener, which a cluster reaches; everything under /debug on a
// second one that binds loopback only. Rooms register what they want to show; whoever registers a page hands over a
// value that is already redacted, because only they have the schema.

import type { AddressInfo } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import type { Metrics } from './metrics.ts';

export interface AdminOptions {
  readonly address: { readonly host: string; readonly port: number };
  /** null = no debug pages. */
  readonly debugPort: number | null;
  readonly metrics: Metrics;
  /** Why the process is not ready, or null when it is. */
  readonly notReady: () => string | null;
}

export type DebugPage = (query: Readonly<Record<string, string>>) => unknown;

export interface Admin extends AsyncDisposable {
  readonly port: number;
  /** 0 = there are none. */
  readonly debugPort: number;
  /** Shows `page()` as JSON under /debug/<name>. */
  debug(name: string, page: DebugPage): void;
}

/** Resolves when both listeners are bound. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const pages = new Map<string, DebugPage>();
  const open = fastify({ logger: false });
  open.get('/healthz', () => 'ok\n');
  open.get('/readyz', (_request, reply) => {
    const reason = options.notReady();
    return reply.code(reason === null ? 200 : 503).send(`${reason ?? 'ok'}\n`);
  });
  open.get('/metrics', async (_request, reply) => {
    void reply.type(options.metrics.contentType);
    return options.metrics.render();
  });
  const { host, port } = options.address;
  await open.listen({ host: host === '' ? '::' : host, port });

  const debug = options.debugPort === null ? null : debugServer(pages);
  try {
    await debug?.listen({ host: '127.0.0.1', port: options.debugPort ?? 0 });
  } catch (error) {
    await open.close();
    throw error;
  }
  return {
    port: portOf(open),
    debugPort: debug === null ? 0 : portOf(debug),
    debug: (name, page) => void pages.set(name, page),
    async [Symbol.asyncDispose]() {
      await Promise.all([open.close(), debug?.close()]);
    },
  };
}

function debugServer(pages: ReadonlyMap<string, DebugPage>): FastifyInstance {
  const server = fastify({ logger: false });
  // A page of another origin must not read this through a browser on the same machine by a name that resolves here.
  server.addHook('onRequest', async (request, reply) => {
    if (!loopbackHosts.has(request.hostname)) await reply.code(403).send('only by a loopback address\n');
  });
  server.get('/debug', () => [...pages.keys()].map((name) => `/debug/${name}`));
  server.get<{ Params: { name: string }; Querystring: Record<string, string> }>('/debug/:name', (request, reply) => {
    const page = pages.get(request.params.name);
    if (page === undefined) return reply.code(404).send('no such page\n');
    return reply.type('application/json').send(`${JSON.stringify(page(request.query), null, 2)}\n`);
  });
  return server;
}

const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);

function portOf(server: FastifyInstance): number {
  return (server.server.address() as AddressInfo).port;
}
