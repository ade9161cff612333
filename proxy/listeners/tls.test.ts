import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { connect as tlsConnect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { Body, Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { CertificateContent, TlsContent } from '#proxy/contract/units.ts';
import type { KeyedCertificate } from '#proxy/primitives/crypto/certificate.ts';
import { newTicketSecret, ticketKeys } from '#proxy/primitives/crypto/ticket-keys.ts';
import { answer } from '#test/support/http1-kit.ts';
import { connectionLimits, type ConnectionLimits } from '#proxy/http1/limits.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { RawClient } from '#test/support/raw-client.ts';
import { goodClient, revocationList, revokedClient, revokingCa } from '#test/support/revoked.ts';
import { askTls, certificateContent, testAuthority, tlsContent } from '#test/support/tls.ts';
import { openListener, type Listener } from './listener.ts';
import type { ServedCertificate } from './tls-acceptor.ts';

const authority = testAuthority('servers');
const a = authority.server('a.test');
const b = authority.server('*.b.test');
const both = { 'c/a': [a, 'a.test'], 'c/b': [b, 'x.b.test'] } as const;
const clientsA = testAuthority('clients A');
const clientsB = testAuthority('clients B');
const alice = pair(clientsA.client('alice'));

describe('an https listener', () => {
  it('serves HTTP/1.1 and HTTP/2 as the client offers', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a' });
    const { port } = kit.listener;
    const got = await askTls({ port, servername: 'a.test', ca: authority.ca });
    expect(got).toMatchObject({ error: '', names: 'a.test', protocol: 'TLSv1.3', alpn: '' });
    expect(got.text).toContain('HTTP/1.1 200');
    expect(got.text).toContain('https a.test');
    expect((await askTls({ port, ALPNProtocols: ['http/1.1'] })).alpn).toBe('http/1.1');
    const client = connect(`https://a.test:${port}`, {
      createConnection: () =>
        tlsConnect({ port, host: '127.0.0.1', servername: 'a.test', ca: authority.ca, ALPNProtocols: ['h2'] }),
    });
    expect(await overHttp2(client)).toBe('200 https a.test');
    client.close();
    expect(kit.exchanges.map(({ version }) => version)).toEqual(['1.1', '1.1', '2']);
  });

  it('tells what the handshake settled', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a', maxVersion: 'TLSv1.2' });
    await askTls({ port: kit.listener.port, servername: 'A.test' });
    expect(kit.exchanges[0]?.peer.tls).toEqual({
      servername: 'a.test',
      protocol: 'TLSv1.2',
      cipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      authorized: false,
      certificate: null,
    });
  });

  it.each([
    ['its name', 'a.test', 'a.test'],
    ['its name in capitals', 'A.TEST', 'a.test'],
    ['another', 'x.b.test', '*.b.test'],
    ['none that is known', 'nobody.test', 'a.test'],
    ['none', undefined, 'a.test'],
    ['one of 250 characters', `${'a.'.repeat(123)}test`, 'a.test'],
    ['one that is no name', 'x y\u007f;', 'a.test'],
  ])('serves by %s', async (_, servername, names) => {
    await using kit = await start(both, { defaultCertificate: 'c/a' });
    const asked = servername === undefined ? {} : { servername };
    expect(await askTls({ port: kit.listener.port, ...asked })).toMatchObject({ error: '', names });
  });

  it('without a certificate refuses the handshake and goes on', async () => {
    await using kit = await start({ 'c/b': [b, 'x.b.test'] }, {});
    const { port } = kit.listener;
    expect((await askTls({ port })).error).toMatch(/HANDSHAKE_FAILURE|INTERNAL_ERROR/);
    expect((await askTls({ port, servername: 'x.b.test' })).names).toBe('*.b.test');
  });

  it('refuses versions and protocols that it does not offer', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a', minVersion: 'TLSv1.3' });
    const { port } = kit.listener;
    expect((await askTls({ port, maxVersion: 'TLSv1.2' })).error).toMatch(/PROTOCOL_VERSION/);
    expect((await askTls({ port, ALPNProtocols: ['ftp'] })).error).toMatch(/NO_APPLICATION_PROTOCOL/);
  });

  it('takes the curves and ciphers of its policy only', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a', curves: ['prime256v1'] });
    const { port } = kit.listener;
    expect((await askTls({ port, ecdhCurve: 'X25519' })).error).not.toBe('');
    expect((await askTls({ port, ecdhCurve: 'prime256v1' })).error).toBe('');
    expect((await askTls({ port, maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })).error).not.toBe('');
  });

  it('resets the connection when an answer breaks off, so that nobody takes a part for the whole', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a' }, { handler: breakOff });
    const got = await askTls({ port: kit.listener.port });
    expect(got.error).toBe('ECONNRESET');
    await kit.until(() => kit.connections[0] === 0);
  });

  it('refuses another handshake within a connection', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a', maxVersion: 'TLSv1.2' });
    const socket = tlsConnect({ port: kit.listener.port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.resume();
    let renegotiated = false;
    socket.renegotiate({}, () => (renegotiated = true));
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('no renegotiation');
    expect(renegotiated).toBe(false);
    // The server's reset may come behind it.
    socket.on('error', () => {});
  });

  it.each([
    ['plain HTTP', 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n'],
    ['noise', '\x16\x03\x01\x00\x40'.padEnd(200, '\xff')],
    ['half a hello', '\x16\x03\x01\x40\x00'],
    ['nothing', ''],
    ['HTTP/2 in the clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('closes a connection that speaks %s, and its place is free again', async (_, text) => {
    await using kit = await start(both, { defaultCertificate: 'c/a' }, { limits: { headerTimeout: 50 } });
    const client = new RawClient(kit.listener.port).send(text);
    expect(await client.untilEnd()).not.toContain('HTTP/');
    await client[Symbol.asyncDispose]();
    expect(kit.exchanges).toEqual([]);
    await kit.until(() => kit.connections[0] === 0);
  });

  it('answers HTTP/2 without ALPN with a refusal', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a' });
    const got = await askTls({ port: kit.listener.port, send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' });
    expect(got.text).toMatch(/^HTTP\/1\.1 (400|505) /);
    expect(kit.exchanges).toEqual([]);
  });

  it('a certificate that OpenSSL refuses costs that name only', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a' });
    kit.put('c/b', { ...certificateContent(b), key: a.key }, 'x.b.test');
    const { port } = kit.listener;
    expect(await askTls({ port, servername: 'x.b.test' })).toMatchObject({ error: '', names: 'a.test' });
    expect(kit.unusable).toEqual(['c/b']);
    kit.put('c/a', { ...certificateContent(a), key: b.key }, 'a.test');
    expect((await askTls({ port })).error).not.toBe('');
    expect(await askTls({ port, servername: 'x.b.test' })).toMatchObject({ error: expect.not.stringMatching(/^$/) });
    kit.put('c/b', b, 'x.b.test');
    expect((await askTls({ port, servername: 'x.b.test' })).names).toBe('*.b.test');
  });

  it('a policy that OpenSSL refuses serves nobody and heals', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a', curves: ['none'] });
    expect((await askTls({ port: kit.listener.port })).error).toBe('ECONNRESET');
    kit.update({ defaultCertificate: 'c/a' });
    expect((await askTls({ port: kit.listener.port })).names).toBe('a.test');
  });
});

describe('a certificate that is swapped', () => {
  it('is served from the next handshake on; connections and their requests go on', async () => {
    await using kit = await start(both, { defaultCertificate: 'c/a' });
    const { port } = kit.listener;
    const kept = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(kept, 'secureConnect');
    const next = authority.server('new.a.test');
    kit.put('c/a', next, 'a.test');
    expect((await askTls({ port, servername: 'a.test' })).names).toBe('new.a.test');
    expect((await askTls({ port })).names).toBe('new.a.test');
    kept.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    const [data] = (await once(kept, 'data')) as [Buffer];
    expect(data.toString()).toContain('HTTP/1.1 200');
    kept.destroy();
  });
});

describe('session tickets', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'are good in every thread of the port, over a swap (%s)',
    async (version) => {
      const secret = newTicketSecret();
      await using one = await start(both, { defaultCertificate: 'c/a', maxVersion: version }, { secret });
      await using two = await start(both, { defaultCertificate: 'c/a', maxVersion: version }, { secret });
      const { session } = await askTls({ port: one.listener.port, servername: 'a.test' });
      one.put('c/a', authority.server('new.a.test'), 'a.test');
      const again = { servername: 'a.test', session: session ?? undefined };
      expect(await askTls({ port: one.listener.port, ...again })).toMatchObject({ error: '', resumed: true });
      expect(await askTls({ port: two.listener.port, ...again })).toMatchObject({ error: '', resumed: true });
    },
  );

  it('are good in the epoch that they were given in', async () => {
    let now = 0;
    await using kit = await start(both, { defaultCertificate: 'c/a' }, { now: () => now });
    const { port } = kit.listener;
    const { session } = await askTls({ port });
    now = 12 * 3_600_000;
    expect(await askTls({ port, session: session ?? undefined })).toMatchObject({ error: '', resumed: false });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'CVE-2025-23419: one of host A taken up on host B gives no access that a handshake would not (%s)',
    async (maxVersion) => {
      await using kit = await start(both, { defaultCertificate: 'c/a', maxVersion });
      const { port } = kit.listener;
      const { session } = await askTls({ port, servername: 'a.test' });
      const again = await askTls({ port, servername: 'x.b.test', session: bare(session) });
      const [first, second] = kit.exchanges.map(({ peer }) => peer.tls);
      expect(first).toMatchObject({ servername: 'a.test', authorized: false, certificate: null });
      expect(again).toMatchObject({ error: '', resumed: true });
      // On a session of TLS 1.2 nobody can say which host the client asked for this time.
      expect(second?.servername).toBe(maxVersion === 'TLSv1.2' ? '' : 'x.b.test');
      expect(second).toMatchObject({ authorized: false, certificate: null });
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'are not given to clients that present certificates, nor taken from them under another authority (%s)',
    async (maxVersion) => {
      const secret = newTicketSecret();
      const common = { defaultCertificate: 'c/a', maxVersion, clientAuth: 'optional' } as const;
      await using first = await start(both, { ...common, ca: clientsA.ca }, { secret, listener: 'listener/a' });
      await using second = await start(both, { ...common, ca: clientsB.ca }, { secret, listener: 'listener/b' });
      const { session } = await askTls({ port: first.listener.port, ...alice });
      expect(first.exchanges[0]?.peer.tls?.authorized).toBe(true);
      for (const kit of [first, second]) {
        const got = await askTls({ port: kit.listener.port, session: bare(session) });
        expect(got).toMatchObject({ error: '', resumed: false });
        expect(kit.exchanges.at(-1)?.peer.tls).toMatchObject({ authorized: false, certificate: null });
      }
    },
  );

  it('have other keys for each listener, policy and epoch, so that not even a ticket of CA A opens under CA B', () => {
    const secret = newTicketSecret();
    const scope = { listener: 'l', clientAuth: 'required', ca: 'A', crl: '' };
    const changes = [{}, { listener: 'm' }, { clientAuth: 'optional' }, { ca: 'B' }, { crl: 'x' }];
    const keys = changes.map((change) => ticketKeys(secret, 1, { ...scope, ...change }).toString('hex'));
    keys.push(ticketKeys(secret, 2, scope).toString('hex'), ticketKeys(newTicketSecret(), 1, scope).toString('hex'));
    expect(new Set(keys).size).toBe(7);
    expect(ticketKeys(secret, 1, scope).toString('hex')).toBe(keys[0]);
    expect(keys[0]?.length).toBe(96);
  });
});

describe('client certificates', () => {
  const required = { defaultCertificate: 'c/a', clientAuth: 'required', ca: clientsA.ca } as const;

  it.each(['a.test', 'x.b.test', 'nobody.test'])(
    'that are required let in whom the authority vouches for (%s)',
    async (servername) => {
      await using kit = await start(both, required);
      const { port } = kit.listener;
      expect((await askTls({ port, servername, ...alice })).text).toContain('HTTP/1.1 200');
      expect(kit.exchanges[0]?.peer.tls).toMatchObject({
        authorized: true,
        certificate: { subject: 'CN=alice', issuer: 'CN=clients A' },
      });
      const strangers = [
        {},
        pair(clientsB.client('alice')),
        pair(clientsA.client('alice', -1)),
        pair(authority.server('alice')),
      ];
      for (const stranger of strangers) {
        const got = await askTls({ port, servername, ...stranger });
        expect(got.text).toBe('');
      }
      expect(kit.exchanges.length).toBe(1);
      await kit.until(() => kit.connections[0] === 0);
    },
  );

  it('that are optional may be absent, but not bad', async () => {
    await using kit = await start(both, { ...required, clientAuth: 'optional' });
    const { port } = kit.listener;
    expect((await askTls({ port })).text).toContain('HTTP/1.1 200');
    expect((await askTls({ port, ...alice })).text).toContain('HTTP/1.1 200');
    for (const bad of [clientsB.client('alice'), clientsA.client('alice', -1)]) {
      expect((await askTls({ port, servername: 'x.b.test', ...pair(bad) })).text).toBe('');
    }
    expect(kit.exchanges.map(({ peer }) => peer.tls?.authorized)).toEqual([false, true]);
  });

  it('that were revoked are refused', async () => {
    await using kit = await start(both, { ...required, ca: revokingCa, crl: revocationList });
    const { port } = kit.listener;
    for (const servername of ['a.test', 'x.b.test']) {
      expect((await askTls({ port, servername, ...goodClient })).text).toContain('HTTP/1.1 200');
      expect((await askTls({ port, servername, ...revokedClient })).text).toBe('');
    }
  });

  it('of another authority end the connections that were made under the former', async () => {
    await using kit = await start(both, required);
    const { port } = kit.listener;
    const kept = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...alice });
    await once(kept, 'secureConnect');
    kept.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(kept, 'data');
    kit.update({ ...required, ca: clientsB.ca });
    kept.resume();
    kept.on('error', () => {});
    await once(kept, 'close');
    expect((await askTls({ port, ...alice })).text).toBe('');
    expect((await askTls({ port, ...pair(clientsB.client('bob')) })).text).toContain('HTTP/1.1 200');
  });
});

/** Without the host that Node's client notes beside a session, so that it is offered to any. */
function bare(session: Buffer | null): Buffer | undefined {
  return session?.subarray(session.indexOf(Buffer.from([0x30, 0x82])));
}

/** Answers until close and fails in the middle. */
function breakOff(exchange: Exchange): void {
  const body: Body = {
    length: -1,
    start(sink) {
      sink.chunk(Buffer.from('half'));
      setImmediate(() => sink.error(new ProxyError('UpstreamReset', 'gone')));
    },
    pause: () => undefined,
    resume: () => undefined,
    cancel: () => undefined,
  };
  exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, body);
}

function pair({ certificate, key }: KeyedCertificate): { readonly cert: string; readonly key: string } {
  return { cert: certificate, key };
}

async function overHttp2(client: ClientHttp2Session): Promise<string> {
  const stream = client.request({ ':path': '/' });
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += String(chunk);
  return `${String(head[':status'])} ${text}`;
}

interface Kit extends AsyncDisposable {
  readonly listener: Listener;
  readonly exchanges: Exchange[];
  readonly unusable: string[];
  readonly connections: Int32Array;
  until(condition: () => boolean): Promise<void>;
  put(unit: string, certificate: KeyedCertificate | CertificateContent, ...names: string[]): void;
  update(tls: Partial<TlsContent>): void;
}

type Certificates = Readonly<Record<string, readonly [KeyedCertificate, ...string[]]>>;

interface KitOptions {
  readonly listener?: string;
  readonly secret?: Uint8Array;
  readonly now?: () => number;
  readonly limits?: Partial<ConnectionLimits>;
  readonly handler?: (exchange: Exchange) => void;
}

async function start(certificates: Certificates, tls: Partial<TlsContent>, options: KitOptions = {}): Promise<Kit> {
  const served = new Map<string, ServedCertificate>();
  const exchanges: Exchange[] = [];
  const unusable: string[] = [];
  const connections = new Int32Array(new SharedArrayBuffer(4));
  const put: Kit['put'] = (name, certificate, ...names) => {
    const content = 'notAfter' in certificate ? { ...certificate, names } : certificateContent(certificate, ...names);
    served.set(name, { name, content });
  };
  for (const [name, [certificate, ...names]] of Object.entries(certificates)) put(name, certificate, ...names);
  const contentOf = (changes: Partial<TlsContent>) => listenerContent({ protocol: 'https', tls: tlsContent(changes) });
  const listener = await openListener({
    content: contentOf(tls),
    limits: { ...connectionLimits, ...options.limits },
    reusePort: false,
    connections,
    handler(exchange) {
      exchanges.push(exchange);
      if (options.handler !== undefined) options.handler(exchange);
      else answer(exchange, `${exchange.head.scheme} ${exchange.peer.tls?.servername ?? ''}`);
    },
    tls: {
      listener: options.listener ?? 'listener/test',
      certificates: {
        select: (host) => [...served.values()].find(({ content }) => content.names.includes(host)) ?? null,
        find: (name) => served.get(name) ?? null,
      },
      ticketSecret: options.secret ?? newTicketSecret(),
      wallClock: options.now ?? (() => Date.now()),
      onUnusable: (name) => unusable.push(name),
    },
  });
  listener.update(contentOf(tls));
  return {
    listener,
    exchanges,
    unusable,
    connections,
    async until(condition) {
      while (!condition()) await new Promise((resolve) => setImmediate(resolve));
    },
    put,
    update: (changes) => listener.update(contentOf(changes)),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}
