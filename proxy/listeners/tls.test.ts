import { describe, expect, it } from 'vitest';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import type { CertificateContent, TlsContent } from '#proxy/contract/units.ts';
import type { KeyedCertificate } from '#proxy/primitives/crypto/certificate.ts';
import { newTicketSecret } from '#proxy/primitives/crypto/ticket-keys.ts';
import { answer } from '#test/support/http1-kit.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { askTls, certificateContent, testAuthority, tlsContent } from '#test/support/tls.ts';
import { openListener, type Listener } from './listener.ts';
import type { ServedCertificate } from './tls-acceptor.ts';

const authority = testAuthority('servers');
const a = authority.server('a.test');

describe('an https listener', () => {
  it('serves HTTP/1.1', async () => {
    await using kit = await start({ 'c/a': [a, 'a.test'] }, { defaultCertificate: 'c/a' });
    const got = await askTls({ port: kit.listener.port, servername: 'a.test', ca: authority.ca });
    expect(got).toMatchObject({ error: '', names: 'a.test', protocol: 'TLSv1.3' });
    expect(got.text).toContain('HTTP/1.1 200');
    expect(got.text).toContain('https a.test');
  });
});

interface Kit extends AsyncDisposable {
  readonly listener: Listener;
  readonly exchanges: Exchange[];
  readonly unusable: string[];
  readonly connections: Int32Array;
  put(unit: string, certificate: KeyedCertificate | CertificateContent, ...names: string[]): void;
  update(tls: Partial<TlsContent>): void;
}

type Certificates = Readonly<Record<string, readonly [KeyedCertificate, ...string[]]>>;

interface KitOptions {
  readonly listener?: string;
  readonly secret?: Uint8Array;
  readonly now?: () => number;
}

async function start(certificates: Certificates, tls: Partial<TlsContent>, options: KitOptions = {}): Promise<Kit> {
  const served = new Map<string, ServedCertificate>();
  const exchanges: Exchange[] = [];
  const unusable: string[] = [];
  const connections = new Int32Array(new SharedArrayBuffer(4));
  const put: Kit['put'] = (name, certificate, ...names) => {
    served.set(name, { name, content: { ...certificateContent(certificate, ...names) } });
  };
  for (const [name, [certificate, ...names]] of Object.entries(certificates)) put(name, certificate, ...names);
  const contentOf = (changes: Partial<TlsContent>) => listenerContent({ protocol: 'https', tls: tlsContent(changes) });
  const listener = await openListener({
    content: contentOf(tls),
    limits: connectionLimits,
    reusePort: false,
    connections,
    handler(exchange) {
      exchanges.push(exchange);
      answer(exchange, `${exchange.head.scheme} ${exchange.peer.tls?.servername ?? ''}`);
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
    put,
    update: (changes) => listener.update(contentOf(changes)),
    [Symbol.asyncDispose]: () => listener.close(),
  };
}
