// The one place that opens a connection to an endpoint. It judges the resolved address, connects, does the TLS
// handshake, and gives up after the time that its deadline queue stands for. It never resolves names: addresses come
// from the main thread. Called by the pools only.

import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type OnReadOpts, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  TLSSocket,
} from 'node:tls';
import type { UpstreamContent } from '#proxy/contract/units.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { ConnectPolicy } from './connect-policy.ts';
import type { Deadline, DeadlineQueue } from './deadlines.ts';

export const connectTimeoutMs = 10_000;
const tcpKeepAliveMs = 60_000;

export interface TlsTarget {
  readonly context: SecureContext;
  /** Name for SNI and for the certificate; `` = the address itself is checked and no SNI is sent. */
  readonly servername: string;
  readonly verify: boolean;
}

export interface ConnectTarget {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsTarget | null;
  /** What is spoken, and over TLS agreed on by ALPN. */
  readonly protocol: 'http1' | 'http2';
}

export interface ConnectKit {
  readonly policy: ConnectPolicy;
  readonly deadlines: DeadlineQueue;
}

export interface ConnectCallbacks {
  /** The socket is connected, TLS included. Error and close listeners are the receiver's from here on. */
  connected(socket: Socket): void;
  failed(error: ProxyError): void;
}

/** Throws when a certificate or key cannot be read, so that the unit is rejected before it serves. */
export function tlsContext(settings: UpstreamContent['tls']): SecureContext {
  const { ca, certificate, key } = settings;
  if (ca !== '') checkAuthorities(ca);
  return createSecureContext({
    ...(ca === '' ? {} : { ca }),
    ...(certificate === '' ? {} : { cert: certificate }),
    ...(key === '' ? {} : { key }),
    minVersion: 'TLSv1.2',
  });
}

/** A context takes any text as authorities and then trusts nobody, which nobody would be told. */
function checkAuthorities(ca: string): void {
  try {
    new X509Certificate(ca);
  } catch (error) {
    throw new Error('`rootCertBase64` holds no certificate in PEM', { cause: error });
  }
}

/** One of the callbacks is called, later, unless the returned function was called first. */
export function connect(
  target: ConnectTarget,
  onread: OnReadOpts | null,
  kit: ConnectKit,
  callbacks: ConnectCallbacks,
): () => void {
  if (!kit.policy.allows(target.address)) {
    let cancelled = false;
    queueMicrotask(() => {
      if (cancelled) return;
      callbacks.failed(new ProxyError('ConnectForbidden', `${target.address} may not be connected to`));
    });
    return () => (cancelled = true);
  }
  const attempt = new ConnectAttempt(target, onread, kit, callbacks);
  return () => attempt.cancel();
}

class ConnectAttempt implements Deadline {
  due = 0;
  previous: Deadline | null = null;
  next: Deadline | null = null;
  private readonly target: ConnectTarget;
  private readonly deadlines: DeadlineQueue;
  private readonly callbacks: ConnectCallbacks;
  private readonly socket: Socket;
  private tcpDone = false;
  private settled = false;

  constructor(target: ConnectTarget, onread: OnReadOpts | null, kit: ConnectKit, callbacks: ConnectCallbacks) {
    this.target = target;
    this.deadlines = kit.deadlines;
    this.callbacks = callbacks;
    this.socket = open(target, onread);
    this.socket.on('connect', this.onConnect);
    if (target.tls !== null) this.socket.on('secureConnect', this.onReady);
    this.socket.on('error', this.onError);
    this.socket.on('close', this.onClose);
    this.deadlines.add(this);
  }

  expire(): void {
    const stage = this.tcpDone ? 'TLS handshake' : 'connection';
    this.fail(new ProxyError('ConnectTimeout', `no ${stage} within ${this.deadlines.ms} ms`, { retry: 'unsent' }));
  }

  cancel(): void {
    this.settled = true;
    this.deadlines.remove(this);
    this.socket.destroy();
  }

  private readonly onConnect = (): void => {
    this.tcpDone = true;
    if (this.target.tls === null) this.onReady();
  };

  private readonly onReady = (): void => {
    if (this.settled) return;
    if (this.target.protocol === 'http2' && this.socket instanceof TLSSocket && this.socket.alpnProtocol !== 'h2') {
      this.fail(new ProxyError('TlsFailed', 'the origin does not agree on h2', { retry: 'unsent' }));
      return;
    }
    this.settled = true;
    this.deadlines.remove(this);
    const { socket } = this;
    socket.off('connect', this.onConnect);
    socket.off('secureConnect', this.onReady);
    socket.off('error', this.onError);
    socket.off('close', this.onClose);
    this.callbacks.connected(socket);
  };

  private readonly onError = (error: NodeJS.ErrnoException): void => {
    const code = this.tcpDone ? 'TlsFailed' : 'ConnectFailed';
    this.fail(new ProxyError(code, error.code ?? error.message, { retry: 'unsent', cause: error }));
  };

  private readonly onClose = (): void => {
    const code = this.tcpDone ? 'TlsFailed' : 'ConnectFailed';
    this.fail(new ProxyError(code, 'closed during the handshake', { retry: 'unsent' }));
  };

  private fail(error: ProxyError): void {
    if (this.settled) return;
    this.cancel();
    this.callbacks.failed(error);
  }
}

function open(target: ConnectTarget, onread: OnReadOpts | null): Socket {
  const { address: host, port, tls } = target;
  if (tls === null) {
    return connectTcp({
      host,
      port,
      ...(onread === null ? {} : { onread }),
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      autoSelectFamily: false,
    });
  }
  const options: ConnectionOptions & { onread?: OnReadOpts; autoSelectFamily: boolean; allowHalfOpen: boolean } = {
    host,
    port,
    ...(onread === null ? {} : { onread }),
    allowHalfOpen: true,
    autoSelectFamily: false,
    secureContext: tls.context,
    servername: tls.servername,
    rejectUnauthorized: tls.verify,
    ALPNProtocols: [target.protocol === 'http2' ? 'h2' : 'http/1.1'],
  };
  const socket = connectTls(options);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, tcpKeepAliveMs);
  return socket;
}
