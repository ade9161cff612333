// A listener with a handler that notes what it gets and answers as a test says.

import type { ProxyError } from '#proxy/exchange/error.ts';
import { BufferBody, readWhole } from '#proxy/exchange/body.ts';
import type { Exchange, ExchangeHandler, Outcome } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { ListenerContent } from '#proxy/contract/units.ts';
import { connectionLimits, type ConnectionLimits } from '#proxy/http1/limits.ts';
import { http2Limits, type Http2Limits } from '#proxy/http2/limits.ts';
import { openListener, type Listener, type ListenerOptions } from '#proxy/listeners/listener.ts';
import { Http2Peer } from './http2-peer.ts';
import { listenerContent } from './listener-content.ts';
import { RawClient } from './raw-client.ts';

export interface Http1Kit extends AsyncDisposable {
  readonly listener: Listener;
  /** What reached the handler: `GET /a @a.test X-A=1`. */
  readonly requests: string[];
  /** Whole bodies, as `echo` read them. */
  readonly bodies: string[];
  readonly exchanges: Exchange[];
  readonly outcomes: Outcome[];
  readonly refused: ProxyError[];
  readonly connections: Int32Array;
  client(): RawClient;
  /** A client that has said nothing yet and speaks HTTP/2. */
  http2(): Http2Peer;
  until(condition: () => boolean): Promise<void>;
}

export interface Http1Options {
  readonly handler?: ExchangeHandler;
  readonly limits?: Partial<ConnectionLimits>;
  readonly http2?: Partial<Http2Limits>;
  readonly content?: Partial<ListenerContent>;
  readonly listener?: Pick<ListenerOptions, 'relays' | 'places' | 'onTurnedAway' | 'onHeadDropped'>;
}

/** The default handler reads the body and sends it back. */
export async function startHttp1(options: Http1Options = {}): Promise<Http1Kit> {
  const requests: string[] = [];
  const bodies: string[] = [];
  const exchanges: Exchange[] = [];
  const outcomes: Outcome[] = [];
  const refused: ProxyError[] = [];
  const clients: RawClient[] = [];
  const peers: Http2Peer[] = [];
  const connections = new Int32Array(new SharedArrayBuffer(4));
  const handler = options.handler ?? ((exchange) => echo(exchange, bodies));
  let watchers: (() => void)[] = [];
  const changed = (): void => {
    for (const watcher of watchers.splice(0)) watcher();
  };
  const listener = await openListener({
    ...options.listener,
    content: listenerContent(options.content),
    limits: { ...connectionLimits, ...options.limits },
    http2: { ...http2Limits, ...options.http2 },
    reusePort: false,
    connections,
    handler(exchange) {
      requests.push(describeRequest(exchange));
      exchanges.push(exchange);
      exchange.onDone = (outcome) => {
        outcomes.push(outcome);
        changed();
      };
      handler(exchange);
      changed();
    },
    onRefused(cause) {
      refused.push(cause);
      changed();
    },
  });
  return {
    listener,
    requests,
    bodies,
    exchanges,
    outcomes,
    refused,
    connections,
    client() {
      const client = new RawClient(listener.port);
      clients.push(client);
      return client;
    },
    http2() {
      const client = Http2Peer.client(listener.port);
      peers.push(client);
      return client;
    },
    async until(condition) {
      while (!condition()) await new Promise<void>((resolve) => watchers.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
      for (const peer of peers) await peer[Symbol.asyncDispose]();
      await listener.close();
      watchers = [];
    },
  };
}

export function echo(exchange: Exchange, bodies: string[] = []): void {
  if (exchange.body === null) {
    answer(exchange, '');
    return;
  }
  readWhole(exchange.body, 1024 * 1024, (error, data) => {
    if (error !== null) {
      bodies.push(`error ${error.code}`);
      return;
    }
    bodies.push(data.toString('latin1'));
    answer(exchange, data.toString('latin1'));
  });
}

export function answer(exchange: Exchange, text: string, ...fields: [string, string][]): void {
  const head = { status: 200, reason: '', headers: HeaderList.of(...fields) };
  exchange.respond(head, new BufferBody(Buffer.from(text, 'latin1')));
}

function describeRequest(exchange: Exchange): string {
  const { method, target, authority, headers } = exchange.head;
  const fields = headers.names.map((name, i) => `${name}=${headers.values[i]}`);
  return [`${method} ${target} @${authority}`, ...fields].join(' ');
}
