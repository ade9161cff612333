// A scripted TCP server: it shows the exact bytes that reached it and answers with exact bytes. Tests of the client
// role, of upstreams and of the whole proxy use it in place of a real HTTP server, which would repair what it sends.
//
//   await using origin = await startRawOrigin((connection) => {
//     connection.onRequest((text) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
//   });

import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface RawOrigin extends AsyncDisposable {
  readonly port: number;
  /** Connections in the order in which they arrived. */
  readonly connections: RawConnection[];
  /** All requests of all connections, in order of arrival; heads only unless a body came with them. */
  readonly requests: string[];
  /** Resolves when `count` requests have arrived. */
  waitForRequests(count: number): Promise<void>;
  waitForConnections(count: number): Promise<void>;
  close(): Promise<void>;
}

export class RawConnection {
  readonly socket: Socket;
  /** Everything received, one character per byte. */
  received = '';
  ended = false;
  closed = false;
  /** Code of the socket error, `` for none: ECONNRESET when the other side reset. */
  error = '';
  private readonly origin: { requests: string[]; changed(): void };
  private handler: ((request: string, connection: RawConnection) => void) | null = null;
  private from = 0;
  private watchers: (() => void)[] = [];

  constructor(socket: Socket, origin: { requests: string[]; changed(): void }) {
    this.socket = socket;
    this.origin = origin;
    socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1');
      this.findRequests();
      this.changed();
    });
    socket.on('end', () => {
      this.ended = true;
      this.changed();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
    socket.on('close', () => {
      this.closed = true;
      this.changed();
    });
  }

  /** Calls `handler` for each request, once its body (Content-Length or chunked) is whole. Replaces the one before. */
  onRequest(handler: (request: string, connection: RawConnection) => void): void {
    this.handler = handler;
    this.findRequests();
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Sends and then FIN. */
  end(text = ''): void {
    this.socket.end(Buffer.from(text, 'latin1'));
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Resolves when `condition` holds; it is tried whenever something arrives or the connection ends. */
  async until(condition: (connection: RawConnection) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  private changed(): void {
    for (const watcher of this.watchers.splice(0)) watcher();
  }

  private findRequests(): void {
    while (this.handler !== null) {
      const end = requestEnd(this.received, this.from);
      if (end === -1) return;
      const request = this.received.slice(this.from, end);
      this.from = end;
      this.origin.requests.push(request);
      this.origin.changed();
      this.handler(request, this);
    }
  }
}

/** `tls` makes it a TLS server; `accept` is called for every connection and usually installs onRequest. */
export async function startRawOrigin(
  accept: (connection: RawConnection) => void,
  options: { tls?: TlsOptions; host?: string } = {},
): Promise<RawOrigin> {
  const connections: RawConnection[] = [];
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let waiting: (() => void)[] = [];
  const changed = (): void => {
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  const onSocket = (socket: Socket): void => {
    const connection = new RawConnection(socket, { requests, changed });
    connections.push(connection);
    accept(connection);
    changed();
  };
  const server: Server =
    options.tls === undefined
      ? createTcpServer({ allowHalfOpen: true, noDelay: true }, onSocket)
      : createTlsServer({ allowHalfOpen: true, noDelay: true, ...options.tls }, onSocket);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, options.host ?? '127.0.0.1', resolve));

  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    requests,
    waitForRequests: (count) => until(() => requests.length >= count),
    waitForConnections: (count) => until(() => connections.length >= count),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A whole answer with Content-Length. */
export function answer(body: string, head = 'HTTP/1.1 200 OK'): string {
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Where the request that starts at `from` ends, or -1 while it is not whole. */
function requestEnd(text: string, from: number): number {
  const headEnd = text.indexOf('\r\n\r\n', from);
  if (headEnd === -1) return -1;
  const head = text.slice(from, headEnd).toLowerCase();
  if (/\r\ntransfer-encoding: *chunked/.test(head)) {
    const end = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(headEnd + 4));
    return end === null ? -1 : headEnd + 4 + end.index + end[0].length;
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  return text.length >= headEnd + 4 + length ? headEnd + 4 + length : -1;
}
