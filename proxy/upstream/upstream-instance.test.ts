import { describe, expect, it } from 'vitest';
import { createAuthority, issueServer } from '#proxy/primitives/crypto/certificate.ts';
import { answer, type RawOrigin, startRawOrigin } from '#test/support/raw-origin.ts';
import { TestUpstreams } from '#test/support/test-upstream.ts';
import { ask } from '#test/support/upstream-call.ts';
import { upstreamContentOf } from '#test/support/upstream-content.ts';
import { clusterConnectPolicy } from './connect-policy.ts';
import { UpstreamSlot } from './slot.ts';
import { createUpstream } from './upstream-instance.ts';

function named(name: string, host?: string): Promise<RawOrigin> {
  return startRawOrigin(
    (connection) => connection.onRequest(() => connection.send(answer(name))),
    host === undefined ? {} : { host },
  );
}

/** A port on which nothing listens. */
async function deadPort(): Promise<number> {
  const raw = await startRawOrigin(() => {});
  await raw.close();
  return raw.port;
}

describe('targets', () => {
  it('take requests in turn, the first one first', async () => {
    await using a = await named('a');
    await using b = await named('b');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ servers: [{ port: a.port }, { port: b.port }] }));
    const got: string[] = [];
    for (let i = 0; i < 4; i++) got.push((await ask(upstream)).text);
    expect(got).toEqual(['a', 'b', 'a', 'b']);
  });

  it('are absent while names do not resolve, and say so at once', async () => {
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ servers: [{ host: 'a.test' }, { host: 'constructor' }] }));
    expect((await ask(upstream)).failure?.code).toBe('NoEndpoint');
    upstream.setResolved({ 'a.test': [] });
    expect((await ask(upstream)).failure?.code).toBe('NoEndpoint');
  });

  it('appear when a name resolves, keep it while nothing is said about it, and follow its changes', async () => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ servers: [{ host: 'a.test', port: a.port }] }));
    upstream.setResolved({ 'a.test': ['127.0.0.1'] });
    expect((await ask(upstream)).text).toBe('a');
    upstream.setResolved({ 'b.test': ['127.0.0.2'] });
    expect((await ask(upstream)).text).toBe('a');
    expect(a.connections.length).toBe(1);
    upstream.setResolved({ 'a.test': ['127.0.0.3', '127.0.0.1'] });
    expect([(await ask(upstream)).text, (await ask(upstream)).text]).toEqual(['a', 'a']);
  });

  it('with several addresses go on to the next when one refuses, and leave it alone for a while', async () => {
    await using a = await named('a', '127.0.0.2');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ servers: [{ host: 'a.test', port: a.port }] }));
    upstream.setResolved({ 'a.test': ['127.0.0.1', '127.0.0.2'] });
    for (let i = 0; i < 4; i++) expect((await ask(upstream)).text).toBe('a');
  });

  it('that are down are 503 and may be tried again', async () => {
    using upstreams = new TestUpstreams();
    const answer_ = await ask(upstreams.create(upstreamContentOf({ port: await deadPort() })));
    expect([answer_.failure?.code, answer_.failure?.status, answer_.failure?.retry]).toEqual([
      'ConnectFailed',
      503,
      'unsent',
    ]);
  });

  it('that may not be connected to are refused', async () => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const content = upstreamContentOf({ port: a.port });
    const refused = await ask(upstreams.create(content, { policy: clusterConnectPolicy() }));
    expect(refused.failure?.code).toBe('ConnectForbidden');
    expect(a.connections.length).toBe(0);
    const allowed = await ask(upstreams.create(content, { policy: clusterConnectPolicy(['127.0.0.1/32']) }));
    expect(allowed.text).toBe('a');
  });
});

describe('Host', () => {
  it.each([
    ['an address keeps the client’s', { host: '127.0.0.1' }, false, 'a.test'],
    ['a name states itself', { host: 'server.test' }, false, 'server.test:PORT'],
    ['but for keepHost', { host: 'server.test', keepHost: true }, false, 'a.test'],
    ['setUpstreamHost states the address too', { host: '127.0.0.1' }, true, '127.0.0.1:PORT'],
    ['keepHost comes before setUpstreamHost', { host: '127.0.0.1', keepHost: true }, true, 'a.test'],
  ])('by the server: %s', async (_title, server, setUpstreamHost, expected) => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(
      upstreamContentOf({ servers: [{ ...server, port: a.port, path: '/api' }], content: { setUpstreamHost } }),
    );
    upstream.setResolved({ 'server.test': ['127.0.0.1'] });
    await ask(upstream, { target: '/x' });
    expect(a.requests[0]).toMatch(
      new RegExp(`^GET /api/x HTTP/1\\.1\r\nHost: ${expected.replace('PORT', String(a.port))}\r\n`),
    );
  });

  it('of an endpoint is the client’s', async () => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ content: { endpoints: 'e' } }));
    upstream.setEndpoints({
      scheme: 'http',
      addresses: [{ ip: '127.0.0.1', port: a.port, ready: true, terminating: false }],
    });
    await ask(upstream);
    expect(a.requests[0]).toContain('\r\nHost: a.test\r\n');
  });
});

describe('live endpoints', () => {
  const at = (port: number, ready = true, terminating = false) => ({ ip: '127.0.0.1', port, ready, terminating });

  it('serve when they are ready, beside the servers, and leave at once', async () => {
    await using a = await named('a');
    await using b = await named('b');
    await using c = await named('c');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ port: a.port, content: { endpoints: 'e' } }));
    upstream.setEndpoints({ scheme: 'http', addresses: [at(b.port), at(c.port, false)] });
    expect([(await ask(upstream)).text, (await ask(upstream)).text]).toEqual(['a', 'b']);
    upstream.setEndpoints(null);
    expect([(await ask(upstream)).text, (await ask(upstream)).text]).toEqual(['a', 'a']);
    await b.connections[0]?.until((connection) => connection.ended || connection.closed);
  });

  it('that terminate serve only when nothing else can', async () => {
    await using a = await named('a');
    await using b = await named('b');
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(upstreamContentOf({ content: { endpoints: 'e' } }));
    upstream.setEndpoints({ scheme: 'http', addresses: [at(a.port, false, true), at(b.port)] });
    expect([(await ask(upstream)).text, (await ask(upstream)).text]).toEqual(['b', 'b']);
    upstream.setEndpoints({ scheme: 'http', addresses: [at(a.port, false, true), at(b.port, false)] });
    expect((await ask(upstream)).text).toBe('a');
    upstream.setEndpoints({ scheme: 'http', addresses: [] });
    expect((await ask(upstream)).failure?.code).toBe('NoEndpoint');
  });
});

describe('TLS towards servers', () => {
  const validity = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 86_400_000) };
  const authority = createAuthority('upstream authority', validity);
  const leaf = issueServer(authority, 'upstream authority', ['server.test', '127.0.0.1'], validity);
  const tls = { verify: true, ca: authority.certificate, certificate: '', key: '' };

  function secure(options: object = {}): Promise<RawOrigin> {
    return startRawOrigin((connection) => connection.onRequest(() => connection.send(answer('secret'))), {
      tls: { cert: leaf.certificate, key: leaf.key, ...options },
    });
  }

  async function outcome(raw: RawOrigin, host: string, change: Partial<typeof tls>): Promise<string | undefined> {
    using upstreams = new TestUpstreams();
    const content = upstreamContentOf({
      servers: [{ scheme: 'https', host, port: raw.port }],
      content: { tls: { ...tls, ...change } },
    });
    const upstream = upstreams.create(content);
    upstream.setResolved({ [host]: ['127.0.0.1'] });
    const answer_ = await ask(upstream);
    return answer_.failure?.code ?? answer_.text;
  }

  it.each([
    ['a certificate of the given authority', 'server.test', {}, 'secret'],
    ['one for the address', '127.0.0.1', {}, 'secret'],
    ['another name', 'other.test', {}, 'TlsFailed'],
    ['an authority that the system does not know', 'server.test', { ca: '' }, 'TlsFailed'],
    ['no verification', 'other.test', { verify: false, ca: '' }, 'secret'],
  ])('is judged by default: %s', async (_title, host, change, expected) => {
    await using raw = await secure();
    expect(await outcome(raw, host, change)).toBe(expected);
  });

  it('shows the client certificate and names the server', async () => {
    const client = issueServer(authority, 'upstream authority', ['client'], validity);
    let servername: string | false | null = null;
    let subject: unknown;
    await using raw = await secure({ requestCert: true, rejectUnauthorized: false, ca: authority.certificate });
    const asked = outcome(raw, 'server.test', { certificate: client.certificate, key: client.key });
    await raw.waitForConnections(1);
    const socket = raw.connections[0]?.socket as import('node:tls').TLSSocket;
    servername = socket.servername as string;
    subject = socket.getPeerCertificate().subjectaltname;
    await asked;
    expect([servername, subject]).toEqual(['server.test', 'DNS:client']);
  });

  it('fails with a server that speaks no TLS', async () => {
    await using raw = await startRawOrigin((connection) => connection.send('220 plain\r\n'));
    expect(await outcome(raw, 'server.test', {})).toBe('TlsFailed');
  });

  it('passes a long body over one kept connection', async () => {
    const long = 'x'.repeat(2 * 1024 * 1024);
    await using raw = await startRawOrigin((connection) => connection.onRequest(() => connection.send(answer(long))), {
      tls: { cert: leaf.certificate, key: leaf.key },
    });
    using upstreams = new TestUpstreams();
    const upstream = upstreams.create(
      upstreamContentOf({ servers: [{ scheme: 'https', port: raw.port }], content: { tls } }),
    );
    for (let i = 0; i < 2; i++) expect((await ask(upstream)).text).toBe(long);
    expect(raw.connections.length).toBe(1);
  });

  it('with an unreadable certificate is refused before it serves', () => {
    const content = upstreamContentOf({ port: 1, content: { tls: { ...tls, certificate: 'x', key: 'y' } } });
    const kit = { now: () => 0, random: () => 0, timer: () => () => {}, connectPolicy: { allows: () => true } };
    expect(() => createUpstream('u', content, kit)).toThrow();
  });
});

describe('a change of the unit', () => {
  it('keeps the connections of servers that stay and closes those of servers that leave', async () => {
    await using a = await named('a');
    await using b = await named('b');
    using upstreams = new TestUpstreams();
    const slot = new UpstreamSlot('u');
    const first = upstreams.create(upstreamContentOf({ servers: [{ port: a.port }, { port: b.port }] }));
    slot.current = first;
    await ask(slot);
    await ask(slot);
    const second = upstreams.create(upstreamContentOf({ servers: [{ port: a.port, path: '/new' }] }));
    second.inherit(first);
    slot.current = second;
    first.dispose();
    await b.connections[0]?.until((connection) => connection.ended || connection.closed);
    await ask(slot);
    expect(a.connections.length).toBe(1);
    expect(a.requests[1]).toMatch(/^GET \/new\//);
    expect(second.stats()).toEqual({ targets: 1, open: 1, idle: 1, active: 0 });
  });

  it('does not keep connections made under other TLS settings', async () => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const first = upstreams.create(upstreamContentOf({ port: a.port }));
    await ask(first);
    const content = upstreamContentOf({ port: a.port });
    const second = upstreams.create({ ...content, tls: { ...content.tls, verify: false } });
    second.inherit(first);
    first.dispose();
    await ask(second);
    expect(a.connections.length).toBe(2);
  });

  it('lets calls under way finish, with their time-out, and goes on in turn', async () => {
    await using a = await startRawOrigin(() => {});
    await using b = await named('b');
    using upstreams = new TestUpstreams();
    const first = upstreams.create(
      upstreamContentOf({ servers: [{ port: a.port }, { port: b.port }], content: { timeout: 500 } }),
    );
    const waiting = ask(first);
    await a.waitForConnections(1);
    const second = upstreams.create(upstreamContentOf({ servers: [{ port: a.port }, { port: b.port }] }));
    second.inherit(first);
    first.dispose();
    expect((await ask(second)).text).toBe('b');
    upstreams.clock.advance(500);
    expect((await waiting).failure?.code).toBe('UpstreamTimeout');
    expect(first.stats().active).toBe(0);
  });

  it('keeps addresses and endpoints until it is told others', async () => {
    await using a = await named('a');
    using upstreams = new TestUpstreams();
    const content = upstreamContentOf({ servers: [{ host: 'a.test', port: a.port }] });
    const first = upstreams.create(content);
    first.setResolved({ 'a.test': ['127.0.0.1'] });
    const second = upstreams.create(content);
    second.inherit(first);
    first.dispose();
    expect((await ask(second)).text).toBe('a');
  });

  it('that removes it answers 503', async () => {
    expect((await ask(new UpstreamSlot('u'))).failure?.code).toBe('NoEndpoint');
  });
});
