// The client of an operator's push stream: connects, holds the conversation, and connects again with back-off and
// full jitter when it ends. While no operator answers the proxy keeps serving what it has; that is no error.
//
//   connect ─▶ 200 ─▶ conversation ─▶ goodbye or loss ─▶ wait (random up to 100 ms … 10 s) ─▶ connect
//
// TLS is verified against the CA it was given and nothing else. The token is read again for every connection.

import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { encodeMessage, FramingError, MessageDecoder } from '#proxy/contract/framing.ts';
import { streamPath, toProxy } from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import { StreamConversation, type Connection, type ProxySelf } from './stream-conversation.ts';
import type { UnitSink, UnitSource, StreamStatus } from './source.ts';

export interface StreamSourceOptions {
  /** Operators to try in turn, `host:port`. */
  readonly addresses: readonly string[];
  /** Name in the operator's certificate. */
  readonly serverName: string;
  /** PEM; read again for every connection, because a CA is rotated by telling proxies first. */
  readonly readCa: () => Promise<string>;
  readonly readToken: () => Promise<string>;
  readonly self: ProxySelf;
  readonly log: Log;
  readonly random?: () => number;
  readonly times?: StreamTimes;
}

/** Milliseconds, with the product's values; tests take others. */
export const streamTimes = { firstWait: 100, longestWait: 10_000, connect: 5_000, ping: 10_000, token: 60_000 };
export type StreamTimes = typeof streamTimes;

export function streamSource(options: StreamSourceOptions): StreamSource {
  return new StreamSource(options);
}

export class StreamSource implements UnitSource {
  private readonly options: Required<StreamSourceOptions>;
  private readonly stopped = new AbortController();
  private conversation: StreamConversation | null = null;
  private running: Promise<void> = Promise.resolve();
  private connected = false;
  private operator = '';
  private attempts = 0;
  private lastError = '';
  /** The failure that the log knows of: one that repeats is told once. */
  private toldError = '';

  constructor(options: StreamSourceOptions) {
    this.options = { random: Math.random, times: streamTimes, ...options };
  }

  start(sink: UnitSink): Promise<void> {
    this.conversation = new StreamConversation(sink, this.options.self, this.options.log);
    this.running = this.run(this.conversation);
    return Promise.resolve();
  }

  status(): StreamStatus {
    const { connected, operator, attempts, lastError } = this;
    return { connected, operator, attempts, lastError };
  }

  report(topic: string, payload: unknown): boolean {
    return this.conversation?.report(topic, payload) ?? false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async run(conversation: StreamConversation): Promise<void> {
    const { times, random, addresses, log } = this.options;
    const { signal } = this.stopped;
    /** Failures in a row; a session that acknowledged something starts the count anew. */
    let failures = 0;
    for (let turn = 0; !signal.aborted; turn++) {
      const address = addresses[turn % addresses.length] ?? '';
      this.attempts++;
      const ended = await this.session(conversation, address);
      if (signal.aborted) return;
      failures = ended.useful ? 0 : failures + 1;
      if (ended.reason !== this.toldError || ended.useful) {
        log.warn({ operator: address, reason: ended.reason }, 'operator connection ended; serving on');
      }
      this.lastError = ended.reason;
      this.toldError = ended.reason;
      await pause(backOff(failures, times, random), signal);
    }
  }

  /** One connection from its start to its end. Never rejects. */
  private async session(conversation: StreamConversation, address: string): Promise<Ended> {
    let ca: string;
    let token: string;
    try {
      ca = await this.options.readCa();
      token = firstToken(await this.options.readToken());
    } catch (error) {
      return { reason: `CA or token cannot be read: ${messageOf(error)}`, useful: false };
    }
    const link = new Link(this.options, { address, ca, token }, this.stopped.signal);
    return link.hold(conversation, (connected) => {
      this.connected = connected;
      if (!connected) return;
      this.operator = address;
      this.toldError = '';
      this.options.log.info({ operator: address }, 'operator accepted the connection');
    });
  }
}

/** Full jitter: anywhere up to a bound that doubles, so that a fleet does not come back in one moment. */
export function backOff(
  failures: number,
  times: Pick<StreamTimes, 'firstWait' | 'longestWait'>,
  random: () => number,
): number {
  return Math.min(times.longestWait, times.firstWait * 2 ** Math.min(failures, 30)) * random();
}

interface Ended {
  readonly reason: string;
  /** Something was applied and acknowledged, or the operator sent us on politely after its welcome. */
  readonly useful: boolean;
}

interface Target {
  readonly address: string;
  readonly ca: string;
  readonly token: string;
}

/** One connection. */
class Link implements Connection {
  private readonly options: Required<StreamSourceOptions>;
  private readonly signal: AbortSignal;
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly ended = Promise.withResolvers<Ended>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private conversation: StreamConversation | null = null;
  private onConnected: (connected: boolean) => void = () => {};
  private useful = false;
  private welcome = false;
  private token: string;

  constructor(options: Required<StreamSourceOptions>, target: Target, signal: AbortSignal) {
    this.options = options;
    this.signal = signal;
    this.token = target.token;
    const { serverName } = options;
    this.session = connect(`https://${target.address}`, { ca: target.ca, servername: serverName, settings });
    this.session.on('connect', () => this.session.setLocalWindowSize(windowBytes));
    this.session.on('error', (error) => this.end(messageOf(error)));
    this.session.on('close', () => this.end('connection closed'));
    this.stream = this.session.request(
      { ':method': 'POST', ':path': streamPath, authorization: `Bearer ${target.token}` },
      { endStream: false },
    );
  }

  /** Resolves when it is over. */
  async hold(conversation: StreamConversation, onConnected: (connected: boolean) => void): Promise<Ended> {
    this.conversation = conversation;
    this.onConnected = onConnected;
    const stop = (): void => this.end('stopping');
    this.signal.addEventListener('abort', stop, { once: true });
    if (this.signal.aborted) stop();
    const { times } = this.options;
    const patience = setTimeout(() => this.end('operator does not answer'), times.connect);
    this.timers.add(patience);
    this.stream.on('error', (error) => this.end(messageOf(error)));
    this.stream.on('close', () => this.end('stream closed'));
    this.stream.on('end', () => this.end('operator closed the stream'));
    this.stream.on('response', (headers) => {
      clearTimeout(patience);
      if (headers[':status'] !== 200) return this.end(refusalOf(headers[':status']));
      this.listen(conversation);
    });
    const ended = await this.ended.promise;
    this.signal.removeEventListener('abort', stop);
    return ended;
  }

  send(message: Parameters<Connection['send']>[0]): void {
    if (!this.stream.destroyed && !this.stream.writableEnded) this.stream.write(encodeMessage(message));
  }

  fail(reason: string): void {
    this.end(reason);
  }

  welcomed(): void {
    this.welcome = true;
    this.onConnected(true);
  }

  acknowledged(): void {
    this.useful = true;
  }

  goodbye(reason: string): void {
    if (this.welcome) this.useful = true;
    this.end(`operator said goodbye: ${reason}`);
  }

  private listen(conversation: StreamConversation): void {
    const decoder = new MessageDecoder(toProxy);
    this.stream.on('data', (chunk: Buffer) => {
      try {
        for (const message of decoder.push(chunk)) conversation.receive(message);
      } catch (error) {
        if (!(error instanceof FramingError)) throw error;
        conversation.undecodable(error.message);
      }
    });
    conversation.connected(this);
    this.every(this.options.times.ping, () => this.ping());
    this.every(this.options.times.token, () => void this.refreshToken(conversation));
  }

  /** Finds out that the other end is gone although the connection looks open. */
  private ping(): void {
    if (this.session.destroyed) return;
    const late = setTimeout(() => this.end('operator does not answer pings'), this.options.times.ping);
    this.timers.add(late);
    this.session.ping(() => {
      clearTimeout(late);
      this.timers.delete(late);
    });
  }

  private async refreshToken(conversation: StreamConversation): Promise<void> {
    try {
      const token = firstToken(await this.options.readToken());
      if (token === this.token) return;
      this.token = token;
      conversation.token(token);
    } catch (error) {
      this.options.log.warn({ err: error }, 'token cannot be read');
    }
  }

  private every(ms: number, run: () => void): void {
    this.timers.add(setInterval(run, ms));
  }

  /** The first reason counts. */
  private end(reason: string): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.conversation?.disconnected();
    this.conversation = null;
    this.onConnected(false);
    this.ended.resolve({ reason, useful: this.useful });
    if (!this.stream.destroyed) this.stream.end();
    // What was written (a nack) may still leave; then the socket must not linger.
    setImmediate(() => this.session.destroy());
  }
}

/** The operator's own token file may serve: several lines, with audiences and comments behind the tokens. */
function firstToken(text: string): string {
  for (const line of text.split('\n')) {
    const token = (line.split('#')[0] ?? '').trim().split(/\s+/)[0] ?? '';
    if (token !== '') return token;
  }
  throw new Error('there is no token in it');
}

const windowBytes = 4 * 1024 * 1024;
const settings = { enablePush: false, initialWindowSize: windowBytes };

/** What Node says of a stream whose connection failed hides the reason behind its own words. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) return messageOf(cause);
  const code = 'code' in error ? String(error.code) : '';
  if (!untrusted.has(code)) return error.message;
  return `the operator's certificate is not of the CA that this proxy was given (${code}); give it the operator's ca.pem`;
}

const untrusted: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

function refusalOf(status: number | undefined): string {
  if (status !== 401) return `operator answered ${status ?? 'nothing'}`;
  return 'operator answered 401: it does not know the token; give the proxy one that is in the token file of the operator';
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
