// A scripted origin that speaks HTTP/2: every connection is a peer that does what the test says.

import { createServer, type AddressInfo, type Server } from 'node:net';
import { Http2Peer } from './http2-peer.ts';

export class Http2Origin implements AsyncDisposable {
  readonly connections: Http2Peer[] = [];
  private readonly server: Server;
  private watchers: (() => void)[] = [];

  private constructor(onConnection: (peer: Http2Peer) => void) {
    this.server = createServer({ noDelay: true }, (socket) => {
      const peer = new Http2Peer(socket, true);
      this.connections.push(peer);
      onConnection(peer);
      for (const watcher of this.watchers.splice(0)) watcher();
    });
  }

  static async start(onConnection: (peer: Http2Peer) => void = (peer) => peer.settings()): Promise<Http2Origin> {
    const origin = new Http2Origin(onConnection);
    await new Promise<void>((resolve) => origin.server.listen(0, '127.0.0.1', resolve));
    return origin;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The connection with this number, when it is there and has got the head of that stream. */
  async request(connection: number, stream: number): Promise<Http2Peer> {
    while (this.connections.length <= connection) await new Promise<void>((resolve) => this.watchers.push(resolve));
    const peer = this.connections[connection] as Http2Peer;
    return peer.until(() => peer.heads.has(stream));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.connections) await peer[Symbol.asyncDispose]();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
