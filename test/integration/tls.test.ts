import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64, inline } from '#test/support/tls-manifests.ts';
import { manifest, mock, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { askTls, testAuthority, type TlsAnswer } from '#test/support/tls.ts';
import { startWorld, type World } from '#test/support/world.ts';

const authority = testAuthority('servers');
const clients = testAuthority('clients');
const a = authority.server('a.test');
const b = authority.server('*.b.test');

type Fields = Readonly<Record<string, unknown>>;

function web(name: string, port: number, hosts: readonly string[], more: Fields): Fields {
  const paths = [route('/', 'hello')];
  return server(name, port, [], { rules: [{ hosts: hosts.map((value) => ({ value })), paths }], ...more });
}

function request(host: string, target = '/', more = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`;
}

describe('an https server', () => {
  let world: World;
  let port = 0;
  const rest = new AsyncDisposableStack();

  beforeAll(async () => {
    port = await reservePort();
    const files = {
      'a.yaml': manifest(web('a', port, ['a.test', 'plain.test'], inline(a))),
      'b.yaml': manifest(
        web('b', port, ['x.b.test'], { https: true, certs: { b: b.certificate }, keys: { b: b.key } }),
      ),
      'hello.yaml': manifest(mock('hello', 'hello')),
    };
    world = rest.use(await startWorld({ manifests: files, threads: 2, stateful: true }));
  });

  afterAll(() => rest.disposeAsync());

  const ask = (servername: string | undefined, host: string): Promise<TlsAnswer> =>
    askTls({ port, ...(servername === undefined ? {} : { servername }), send: request(host) });

  it('is programmed and answers under the certificate of its name', async () => {
    await world.until('both are programmed', () =>
      ['a', 'b'].every((name) => world.condition(`HTTPServer ${name}`, 'Programmed').status === 'True'),
    );
    expect(world.findings('HTTPServer a')).toEqual([]);
    const first = await askTls({ port, servername: 'a.test', ca: authority.ca, send: request('a.test') });
    expect(first).toMatchObject({ error: '', names: 'a.test', text: expect.stringContaining('hello') });
    expect(await ask('x.b.test', 'x.b.test')).toMatchObject({
      names: '*.b.test',
      text: expect.stringContaining('hello'),
    });
  });

  it.each([
    ['the host of the certificate', 'a.test', 'a.test', 200],
    ['the same host otherwise written', 'a.test', 'A.TEST.:443', 200],
    ['another host of the default certificate', 'a.test', 'plain.test', 200],
    ['a host with another certificate', 'a.test', 'x.b.test', 421],
    ['a host with another certificate, the other way', 'x.b.test', 'a.test', 421],
    ['a host without a certificate of its own, from one that has', 'x.b.test', 'plain.test', 421],
    ['a host that is served by the default certificate', 'plain.test', 'plain.test', 200],
    ['no host in the handshake', undefined, 'x.b.test', 200],
    ['an unknown host', 'a.test', 'nobody.test', 404],
  ])('answers a request for %s', async (_, servername, host, status) => {
    expect((await ask(servername, host)).text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it('says 421 in the access log, with the room that refused', async () => {
    await askTls({ port, servername: 'a.test', send: request('x.b.test', '/misdirected') });
    expect(await world.logged('/misdirected')).toMatchObject({ 'http.response.status_code': 421 });
  });

  it('serves a new certificate without a version and without losing a request of a kept connection', async () => {
    const { version } = world.proxy().runtime.units;
    const kept = await Promise.all(Array.from({ length: 8 }, () => keptConnection(port)));
    const next = authority.server('a.test', 'second.test');
    let swapped = false;
    let answered = 0;
    const load = kept.map(async (connection) => {
      while (!swapped || answered < 200) {
        expect(await connection.ask()).toContain('hello');
        answered++;
      }
    });
    await world.write('a.yaml', manifest(web('a', port, ['a.test', 'plain.test'], inline(next))));
    // In every thread: the kernel gives connections to one or the other.
    for (let seen = 0; seen < 20;) {
      const { names, error } = await ask('a.test', 'a.test');
      expect(error).toBe('');
      seen = names === 'a.test, second.test' ? seen + 1 : 0;
    }
    swapped = true;
    await Promise.all(load);
    for (const connection of kept) connection.end();
    expect(world.proxy().runtime.units.version).toBe(version);
    expect((await ask('second.test', 'a.test')).names).toBe('a.test, second.test');
  });

  it('tells how long certificates last', async () => {
    const lines = (await world.metrics()).filter((line) => line.startsWith('easegress_certificate_expiry_seconds{'));
    expect(lines.length).toBe(2);
    const seconds = Number(lines.find((line) => line.includes('certificate="default/a/certBase64"'))?.split(' ')[1]);
    expect(seconds / 86_400).toBeGreaterThan(88);
    expect(seconds / 86_400).toBeLessThanOrEqual(90);
  });

  it('keeps keys out of logs, pages, findings and files that others can read', async () => {
    const keys = [a.key, b.key].flatMap((key) => [key.split('\n')[1] ?? '', base64(key).slice(60, 100)]);
    const bad = { https: true, certs: { b: b.key, c: b.certificate }, keys: { b: a.key, c: a.key } };
    await world.write('bad.yaml', manifest(web('bad', port, ['bad.test'], bad)));
    expect(world.findings('HTTPServer bad')).toEqual([
      'CertificateInvalid spec.certs.b',
      'CertificateInvalid spec.certs.c',
    ]);
    const pages = await Promise.all(
      world.debugPorts.flatMap((debug) =>
        ['units', 'objects', 'status', 'threads', 'sessions'].map(async (page) =>
          (await fetch(`http://127.0.0.1:${debug}/debug/${page}`)).text(),
        ),
      ),
    );
    expect(pages.some((page) => page.includes('certificate/default/a/certBase64'))).toBe(true);
    const shown = [...pages, JSON.stringify(world.logs), world.printed.join('\n'), (await world.metrics()).join('\n')];
    for (const key of keys) for (const text of shown) expect(text).not.toContain(key);
    for (const file of filesBelow(world.dir)) {
      if (file.startsWith(world.manifests)) continue;
      const text = readFileSync(file, 'latin1');
      if (keys.some((key) => text.includes(key))) expect(statSync(file).mode & 0o077).toBe(0);
    }
    await world.remove('bad.yaml');
  });

  it('serves again from disk while no operator answers', async () => {
    await world.stopProxy(0);
    await world.stopOperator();
    await world.startProxy(0);
    expect(await ask('x.b.test', 'x.b.test')).toMatchObject({
      names: '*.b.test',
      text: expect.stringContaining('hello'),
    });
    await world.startOperator();
    await world.applied();
  });
});

describe('a port', () => {
  it('that turns to https speaks nothing else from then on, and back', async () => {
    const port = await reservePort();
    const open = manifest(web('a', port, ['a.test'], {}), mock('hello', 'hello'));
    await using world = await startWorld({ manifests: { 'a.yaml': open } });
    expect((await world.get(port, '/', 'a.test')).body).toBe('hello');
    await world.write('a.yaml', manifest(web('a', port, ['a.test'], inline(a)), mock('hello', 'hello')));
    await expect(world.get(port, '/', 'a.test')).rejects.toThrow('connection ended');
    expect((await askTls({ port, servername: 'a.test', send: request('a.test') })).text).toContain('hello');
    await world.write('a.yaml', open);
    expect((await world.get(port, '/', 'a.test')).body).toBe('hello');
    expect((await askTls({ port, servername: 'a.test' })).error).not.toBe('');
  });

  it('that asks for client certificates does so for every server on it', async () => {
    const port = await reservePort();
    const asking = inline(a, { caCertBase64: base64(clients.ca) });
    const manifests = {
      'a.yaml': manifest(web('a', port, ['a.test'], asking), mock('hello', 'hello')),
      'b.yaml': manifest(web('b', port, ['x.b.test'], inline(b))),
      'c.yaml': manifest(web('c', port, ['c.test'], inline(a, { caCertBase64: base64(authority.ca) }))),
    };
    await using world = await startWorld({ manifests });
    const client = clients.client('alice');
    const own = { cert: client.certificate, key: client.key };
    for (const host of ['a.test', 'x.b.test']) {
      const send = request(host);
      expect((await askTls({ port, servername: host, send })).text).toBe('');
      expect((await askTls({ port, servername: host, send, ...own })).text).toContain('hello');
    }
    expect(world.findings('HTTPServer c')).toEqual(['PortSettingConflict spec.caCertBase64']);
    const refused = await askTls({ port, servername: 'c.test', send: request('c.test'), ...own });
    expect(refused.text).toMatch(/^HTTP\/1.1 503 /);
  });
});

/** A connection that asks again and again; a lost answer rejects. */
async function keptConnection(port: number): Promise<{ ask(): Promise<string>; end(): void }> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', rejectUnauthorized: false });
  let text = '';
  let waiting = Promise.withResolvers<string>();
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    text += data;
    if (text.endsWith('hello')) waiting.resolve(text);
  });
  socket.on('error', () => {});
  socket.on('close', () => waiting.reject(new Error('the connection was lost')));
  await once(socket, 'secureConnect');
  return {
    ask() {
      text = '';
      waiting = Promise.withResolvers();
      socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      return waiting.promise;
    },
    end() {
      waiting.promise.catch(() => {});
      socket.destroy();
    },
  };
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
