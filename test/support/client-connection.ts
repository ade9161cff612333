// One connection in the client role against a scripted origin, without a pool.

import { connect } from 'node:net';
import type { ProxyError } from '#proxy/exchange/error.ts';
import { ClientConnection } from '#proxy/http1/client.ts';
import type { Destination, ExchangeObserver, OutgoingRequest } from '#proxy/http1/client-exchange.ts';
import { answer, type RawConnection, type RawOrigin, startRawOrigin } from './raw-origin.ts';
import { Answer, makeRequest } from './upstream-call.ts';

export class TestConnection {
  readonly connection: ClientConnection;
  frees = 0;
  closes = 0;
  readonly whenClosed: Promise<void>;
  doneWith: (ProxyError | null)[] = [];

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.whenClosed = promise;
    this.connection = new ClientConnection({
      free: () => this.frees++,
      closed: () => {
        this.closes++;
        resolve();
      },
    });
  }

  async open(origin: RawOrigin): Promise<this> {
    const socket = connect({
      port: origin.port,
      host: '127.0.0.1',
      allowHalfOpen: true,
      noDelay: true,
      onread: this.connection.onread,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    this.connection.attach(socket);
    return this;
  }

  send(
    change: Partial<OutgoingRequest & { body: unknown }> = {},
    options: Partial<Destination & { read: boolean }> = {},
  ) {
    const received = new Answer(options.read ?? true);
    const request = makeRequest(change as Parameters<typeof makeRequest>[0]);
    const observer: ExchangeObserver = {
      inform: (status, headers) => received.inform(status, headers),
      head: (head, body) => received.head(head, body),
      failed: (error) => received.error(error),
      done: (error) => this.doneWith.push(error),
    };
    const to: Destination = { pathPrefix: '', host: null, ownHost: 'own.test', maxBody: -1, ...options };
    this.connection.send(request, request.body, to, observer);
    return received;
  }
}

/** An origin that answers every request with `text`, then does what `after` says. */
export function origin(text: string, after: (connection: RawConnection) => void = () => {}): Promise<RawOrigin> {
  return startRawOrigin((connection) => {
    connection.onRequest(() => {
      connection.send(text);
      after(connection);
    });
  });
}

export async function exchange(text: string, after?: (connection: RawConnection) => void, change = {}, options = {}) {
  await using raw = await origin(text, after);
  const client = await new TestConnection().open(raw);
  const received = await client.send(change, options).finished();
  const result = { received, client, requests: raw.requests, reused: client.frees > 0, closed: client.closes > 0 };
  client.connection.destroy();
  return result;
}

export const okAnswer = answer('ok');
