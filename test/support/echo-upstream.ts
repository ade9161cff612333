// A small upstream that answers every request with what it saw, as JSON: which server it is, method, url, headers and
// the number of body bytes. For `npm start`, samples and tests.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EchoUpstream extends AsyncDisposable {
  readonly port: number;
}

/** Resolves when it listens; rejects with EADDRINUSE when the port is taken. */
export async function startEchoUpstream(name: string, port = 0): Promise<EchoUpstream> {
  const server = createServer((request, response) => {
    let bodyBytes = 0;
    request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length));
    request.on('error', () => response.destroy());
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const echo = { server: name, method, url, headers, bodyBytes };
      response.writeHead(200, { 'content-type': 'application/json', 'x-server': name });
      response.end(`${JSON.stringify(echo, null, 2)}\n`);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
