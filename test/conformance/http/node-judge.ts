// Reads recorded bytes as Node's own parser does (llhttp, in its strict mode): through a node:http server or client
// whose connection is a stream that holds the bytes. No socket, and nothing of ours.

import { createServer, type IncomingMessage, request as clientRequest, type Server } from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeMessage {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  /** Name, value, name, value …, as they came. */
  readonly rawHeaders: readonly string[];
  body: string;
  rawTrailers: readonly string[];
  whole: boolean;
}

export interface NodeReading {
  readonly messages: NodeMessage[];
  /** `` or the code of the parser's error. */
  problem: string;
}

/** A connection that has received `bytes` and then FIN, and takes everything. */
class Recording extends Duplex {
  constructor(bytes: Buffer) {
    super();
    this.push(bytes);
    this.push(null);
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  // What node:http asks of a socket beyond a stream.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}

export class NodeServerJudge {
  private readonly server: Server;
  private reading: NodeReading = { messages: [], problem: '' };

  constructor() {
    this.server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: 256 * 1024,
      requestTimeout: 0,
      headersTimeout: 0,
      connectionsCheckingInterval: 1 << 30,
    });
    this.server.maxHeadersCount = 0;
    this.server.on('request', (request, response) => {
      record(request, this.reading);
      response.end();
    });
    this.server.on('checkExpectation', (request, response) => this.server.emit('request', request, response));
    this.server.on('connect', (request, socket: Duplex) => {
      record(request, this.reading);
      socket.destroy();
    });
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      if (error.code !== 'ECONNRESET') this.reading.problem = error.code ?? error.message;
      socket.destroy();
    });
  }

  async read(bytes: Buffer): Promise<NodeReading> {
    const reading: NodeReading = { messages: [], problem: '' };
    this.reading = reading;
    const recording = new Recording(bytes);
    const over = new Promise<void>((resolve) => recording.on('close', resolve));
    this.server.emit('connection', recording);
    await over;
    return reading;
  }
}

/** Final answers and 1xx before them, as the client side of node:http reads them; it reads one exchange. */
export async function readAnswerWithNode(bytes: Buffer): Promise<NodeReading> {
  const reading: NodeReading = { messages: [], problem: '' };
  const recording = new Recording(bytes);
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = clientRequest({
    createConnection: () => recording,
    insecureHTTPParser: false,
    maxHeaderSize: 256 * 1024,
  });
  request.maxHeadersCount = 0;
  request.on('information', ({ statusCode, rawHeaders }) => {
    reading.messages.push({
      method: '',
      target: '',
      status: statusCode,
      rawHeaders,
      body: '',
      rawTrailers: [],
      whole: true,
    });
  });
  request.on('upgrade', (response, socket, head) => {
    record(response, reading);
    const last = reading.messages.at(-1);
    if (last !== undefined) {
      last.body = head.toString('latin1');
      last.whole = true;
    }
    socket.destroy();
    resolve();
  });
  request.on('response', (response) => {
    record(response, reading);
    response.on('close', resolve);
  });
  request.on('error', (error: NodeJS.ErrnoException) => {
    if (reading.problem === '') reading.problem = error.code ?? error.message;
    resolve();
  });
  recording.on('close', () => setImmediate(resolve));
  request.end();
  await promise;
  recording.destroy();
  // A turn of the loop, so that what was put off until the next one does not pile up.
  await new Promise<void>((turned) => setImmediate(turned));
  return reading;
}

function record(incoming: IncomingMessage, reading: NodeReading): void {
  const message: NodeMessage = {
    method: incoming.method ?? '',
    target: incoming.url ?? '',
    status: incoming.statusCode ?? 0,
    rawHeaders: incoming.rawHeaders,
    body: '',
    rawTrailers: [],
    whole: false,
  };
  reading.messages.push(message);
  incoming.on('data', (data: Buffer) => (message.body += data.toString('latin1')));
  incoming.on('end', () => {
    message.rawTrailers = incoming.rawTrailers;
    message.whole = true;
  });
  incoming.on('error', (error: NodeJS.ErrnoException) => {
    if (reading.problem === '') reading.problem = error.code ?? error.message;
  });
}
