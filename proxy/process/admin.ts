// The pages of a process. Health and metrics on one listener, which a cluster reaches; everything under /debug on a
// second one that binds loopback only. Rooms register what they want to show; whoever registers a page hands over a
// value that is already redacted, because only they have the schema.
//
// The first listener is plain node:http: fastify costs 20 MB of memory, which a sidecar without debug pages saves.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Metrics } from './metrics.ts';
import { Newcomers } from './newcomers.ts';

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
  /** Shows `page()`, or what it promises, as JSON under /debug/<name>. */
  debug(name: string, page: DebugPage): void;
  /** The same for a POST, which may do something. */
  action(name: string, page: DebugPage): void;
}

/** Resolves when both listeners are bound. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const pages = new Map<string, DebugPage>();
  const actions = new Map<string, DebugPage>();
  const open = await openPages(options);
  try {
    const debug =
      options.debugPort === null ? null : await openDebug(options.debugPort, options.metrics, { pages, actions });
    return {
      port: (open.address() as AddressInfo).port,
      debugPort: debug?.port ?? 0,
      debug: (name, page) => void pages.set(name, page),
      action: (name, page) => void actions.set(name, page),
      async [Symbol.asyncDispose]() {
        await Promise.all([close(open), debug?.[Symbol.asyncDispose]()]);
      },
    };
  } catch (error) {
    await close(open);
    throw error;
  }
}

async function openPages(options: AdminOptions): Promise<Server> {
  const server = createServer(timeouts, (request, response) => {
    answer(request, response, options).catch(() => {
      // A number that cannot be read costs this page, not the process that serves traffic.
      response.statusCode = 500;
      response.end();
    });
  });
  bound(server, 'admin', options.metrics);
  const { host, port } = options.address;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ port, host: host === '' ? undefined : host }, resolve);
  await promise;
  return server;
}

/** Descriptors that the pages may take from traffic, on each listener. */
const maxConnections = 256;
/** Milliseconds. */
const timeouts = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 };

function bound(server: Server, listener: string, metrics: Metrics): void {
  const newcomers = new Newcomers(server, maxConnections);
  metrics.counter(
    {
      name: `easegress_${listener}_connections_turned_out_total`,
      help: `Connections to the ${listener} pages that made room for newer ones.`,
    },
    () => newcomers.turnedOut,
  );
}

async function answer(request: IncomingMessage, response: ServerResponse, options: AdminOptions): Promise<void> {
  const send = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
    response.writeHead(status, { 'content-type': type });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, '');
  const [path = ''] = (request.url ?? '').split('?');
  switch (path) {
    case '/healthz':
      return send(200, 'ok\n');
    case '/readyz': {
      const reason = options.notReady();
      return send(reason === null ? 200 : 503, `${reason ?? 'ok'}\n`);
    }
    case '/metrics':
      return send(200, await options.metrics.render(), options.metrics.contentType);
    default:
      return send(404, 'no such page\n');
  }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function openDebug(
  port: number,
  metrics: Metrics,
  { pages, actions }: { pages: ReadonlyMap<string, DebugPage>; actions: ReadonlyMap<string, DebugPage> },
): Promise<AsyncDisposable & { readonly port: number }> {
  const { fastify } = await import('fastify');
  const server = fastify({ logger: false, forceCloseConnections: true, http: timeouts });
  bound(server.server, 'debug', metrics);
  // A page in a browser on the same machine must neither read this, by a name that resolves here, nor send anything.
  server.addHook('onRequest', async (request, reply) => {
    const { origin, 'sec-fetch-site': site } = request.headers;
    if (!loopbackHosts.has(request.hostname) || origin !== undefined || site === 'cross-site' || site === 'same-site') {
      await reply.code(403).send('only by a loopback address\n');
    }
  });
  server.get('/debug', () => [...pages.keys()].map((name) => `/debug/${name}`));
  const show = (known: ReadonlyMap<string, DebugPage>) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { name } = request.params as { name: string };
    const page = known.get(name);
    if (page === undefined) return reply.code(404).send('no such page\n');
    const value = await page(request.query as Record<string, string>);
    return reply.type('application/json').send(`${JSON.stringify(value, null, 2)}\n`);
  };
  server.get('/debug/:name', show(pages));
  server.post('/debug/:name', show(actions));
  await server.listen({ host: '127.0.0.1', port });
  return {
    port: (server.server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const loopbackHosts: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);
