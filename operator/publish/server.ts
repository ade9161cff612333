// The push stream's server: one HTTP/2 stream per proxy over TLS, messages in both directions. It checks who is there,
// opens a session and carries bytes; what is said is the session's affair.
//
//   TCP ─▶ TLS ─▶ POST + token ─▶ verifier ─▶ session          each step within 5 s, all of them counted and bounded

import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { encodeMessage, FramingError, MessageDecoder } from '#proxy/contract/framing.ts';
import { streamPath, toOperator } from '#proxy/contract/messages.ts';
import type { KeyedCertificate } from '#proxy/primitives/crypto/certificate.ts';
import type { Log } from '#proxy/process/log.ts';
import { Newcomers } from '#proxy/process/newcomers.ts';
import type { Outlet } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { IdentityVerifier, VerifiedIdentity } from './verifier.ts';

export interface PushServerOptions {
  readonly address: { readonly host: string; readonly port: number };
  /** Called at the start and then daily: certificates are renewed without a restart. */
  readonly certificate: () => KeyedCertificate;
  readonly verifier: IdentityVerifier;
  readonly sessions: Sessions;
  readonly log: Log;
  readonly times?: PushTimes;
  /** Connections whose token was not verified yet. */
  readonly maxUnauthenticated?: number;
}

/** Milliseconds, with the product's values; tests take others. */
export const pushTimes = { authenticate: 5_000, ping: 10_000, goodbye: 1_000, certificate: 86_400_000 };
export type PushTimes = typeof pushTimes;

export interface PushCounts {
  bytesOut: number;
  bytesIn: number;
  refused: number;
  timedOut: number;
  broken: number;
}

export interface PushServer extends AsyncDisposable {
  readonly port: number;
  readonly counts: Readonly<PushCounts>;
  readonly newcomers: Readonly<Newcomers>;
}

const windowBytes = 1024 * 1024;

/** Resolves when it listens. */
export async function startPushServer(options: PushServerOptions): Promise<PushServer> {
  const { sessions, log, certificate, times = pushTimes } = options;
  const counts: PushCounts = { bytesOut: 0, bytesIn: 0, refused: 0, timedOut: 0, broken: 0 };
  const issued = certificate();
  const server = createSecureServer({
    cert: issued.certificate,
    key: issued.key,
    minVersion: 'TLSv1.3',
    handshakeTimeout: times.authenticate,
    // A proxy sends a handful of fields and one stream; whatever asks for more is none.
    maxHeaderListPairs: 32,
    maxSessionMemory: 16,
    settings: {
      enablePush: false,
      maxConcurrentStreams: 2,
      maxHeaderListSize: 16 * 1024,
      initialWindowSize: windowBytes,
    },
  });
  const connections = new Set<PushConnection>();
  // From the first packet on: who never begins a handshake holds a descriptor as well.
  const newcomers = new Newcomers(server, options.maxUnauthenticated ?? 256);
  server.on('session', (session) => {
    const connection = new PushConnection(session, { ...options, times, counts, newcomers });
    connections.add(connection);
    session.on('close', () => connections.delete(connection));
  });
  // Broken handshakes and sessions belong to whoever made them.
  server.on('tlsClientError', () => counts.broken++);
  server.on('sessionError', () => counts.broken++);
  await listen(server, options.address);
  const renewal = setInterval(() => {
    const next = certificate();
    server.setSecureContext({ cert: next.certificate, key: next.key, minVersion: 'TLSv1.3' });
  }, times.certificate);
  renewal.unref();
  const { port } = server.address() as AddressInfo;
  log.info({ port }, 'push stream listens');
  return {
    port,
    counts,
    newcomers,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sessions.end('operator is going away');
      const patience = setTimeout(() => connections.forEach((connection) => connection.destroy()), times.goodbye);
      for (const connection of connections) connection.close();
      await closed;
      clearTimeout(patience);
    },
  };
}

interface ConnectionKit extends PushServerOptions {
  readonly times: PushTimes;
  readonly counts: PushCounts;
  readonly newcomers: Newcomers;
}

/** One TCP connection. It carries one push stream; anything else on it is refused. */
class PushConnection {
  private readonly session: ServerHttp2Session;
  private readonly kit: ConnectionKit;
  private readonly patience: NodeJS.Timeout;
  private pings: NodeJS.Timeout | null = null;
  private late: NodeJS.Timeout | null = null;
  private used = false;

  constructor(session: ServerHttp2Session, kit: ConnectionKit) {
    this.session = session;
    this.kit = kit;
    this.patience = setTimeout(() => {
      kit.counts.timedOut++;
      session.destroy();
    }, kit.times.authenticate);
    session.on('error', () => kit.counts.broken++);
    session.on('close', () => this.clear());
    session.on('stream', (stream, headers) => {
      stream.on('error', () => kit.counts.broken++);
      void this.accept(stream, headers);
    });
  }

  close(): void {
    if (!this.session.destroyed) this.session.close();
  }

  destroy(): void {
    this.session.destroy();
  }

  private async accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    if (headers[':path'] !== streamPath || headers[':method'] !== 'POST') return this.refuse(stream, 404);
    if (this.used) return this.refuse(stream, 409);
    this.used = true;
    const token = /^Bearer ([\x21-\x7e]+)$/.exec(headers.authorization ?? '')?.[1];
    const { remoteAddress, remotePort } = this.session.socket;
    const address = remoteAddress ?? '';
    if (token === undefined) return this.refuse(stream, 401);
    let identity: VerifiedIdentity | null;
    try {
      identity = await this.kit.verifier.verify(token, { address });
    } catch (error) {
      this.kit.log.error({ err: error }, 'a token could not be verified');
      return this.refuse(stream, 503);
    }
    if (stream.destroyed) return;
    if (identity === null) {
      this.kit.log.warn({ address }, 'a connection with a wrong token was refused');
      return this.refuse(stream, 401);
    }
    if (this.carry(stream, identity, address)) this.kit.newcomers.vouch({ remoteAddress, remotePort });
  }

  private refuse(stream: ServerHttp2Stream, status: number): void {
    this.kit.counts.refused++;
    if (stream.destroyed) return;
    stream.respond({ ':status': status }, { endStream: true });
    this.session.close();
  }

  /** False when there is no place for it. */
  private carry(stream: ServerHttp2Stream, identity: VerifiedIdentity, address: string): boolean {
    const { sessions, verifier, counts } = this.kit;
    const outlet: Outlet = {
      send: (message) => {
        if (stream.destroyed || stream.writableEnded) return true;
        const bytes = encodeMessage(message);
        counts.bytesOut += bytes.length;
        return stream.write(bytes);
      },
      close: () => {
        stream.end();
        this.session.close();
        // A peer that does not read would keep it open for ever.
        this.late ??= setTimeout(() => this.session.destroy(), this.kit.times.goodbye);
      },
    };
    const session = sessions.open(identity, outlet, (token) => verifier.verify(token, { address }));
    if (session === null) {
      this.refuse(stream, 503);
      return false;
    }
    clearTimeout(this.patience);
    stream.respond({ ':status': 200 });
    const decoder = new MessageDecoder(toOperator);
    stream.on('data', (chunk: Buffer) => {
      counts.bytesIn += chunk.length;
      if (session.phase === 'closed') return;
      try {
        for (const message of decoder.push(chunk)) session.receive(message);
      } catch (error) {
        if (!(error instanceof FramingError)) throw error;
        counts.broken++;
        session.end(error.message);
      }
    });
    stream.on('drain', () => session.writable());
    stream.on('end', () => session.closed());
    stream.on('close', () => {
      session.closed();
      this.session.close();
    });
    this.pings = setInterval(() => this.ping(), this.kit.times.ping);
    return true;
  }

  /** A peer that is gone without a word answers no ping. */
  private ping(): void {
    if (this.late !== null || this.session.destroyed) return;
    this.late = setTimeout(() => this.session.destroy(), this.kit.times.ping);
    this.session.ping((error) => {
      if (error !== null || this.late === null || this.session.closed) return;
      clearTimeout(this.late);
      this.late = null;
    });
  }

  private clear(): void {
    clearTimeout(this.patience);
    if (this.pings !== null) clearInterval(this.pings);
    if (this.late !== null) clearTimeout(this.late);
  }
}

function listen(server: ReturnType<typeof createSecureServer>, address: PushServerOptions['address']): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address.host === '' ? '::' : address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
