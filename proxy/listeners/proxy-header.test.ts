import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { CidrSet } from '#proxy/primitives/ip.ts';
import { newTicketSecret } from '#proxy/primitives/crypto/ticket-keys.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { answer, startHttp1, type Http1Kit } from '#test/support/http1-kit.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import { certificateContent, testAuthority, tlsContent } from '#test/support/tls.ts';
import { connect } from 'node:net';
import { AddressPlaces } from './address-places.ts';
import { openListener, type TurnedAway } from './listener.ts';

const get = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const signature = '\r\n\r\n\0\r\nQUIT\n';

function block(verb: number, family: number, body: string): string {
  return `${signature}${String.fromCharCode(verb, family, body.length >> 8, body.length & 255)}${body}`;
}

const v4 = '\xc0\x00\x02\x07\x0a\x00\x00\x01\x1f\x90\x00\x50';
const v6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07${'\0'.repeat(15)}\x01\x1f\x90\x00\x50`;
const mapped = `${'\0'.repeat(10)}\xff\xff\xc0\x00\x02\x07${'\0'.repeat(15)}\x01\x1f\x90\x00\x50`;
const unix = '\0'.repeat(216);
/** Type 2 is the authority, 4 does nothing. */
const values = '\x02\x00\x06a.test\x04\x00\x00';

const local = new CidrSet(['127.0.0.0/8', '::1']);

function start(turnedAway: TurnedAway[] = [], limits = {}): Promise<Http1Kit> {
  return startHttp1({ limits, listener: { relays: local, onTurnedAway: (reason) => turnedAway.push(reason) } });
}

describe('a PROXY header of a peer that relays', () => {
  it.each([
    ['version 1, IPv4', 'PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n', '192.0.2.7', 8080],
    ['version 1, IPv6', 'PROXY TCP6 2001:DB8:0::7 ::1 8080 80\r\n', '2001:db8::7', 8080],
    ['version 1, mapped', 'PROXY TCP6 ::ffff:192.0.2.7 ::1 8080 80\r\n', '192.0.2.7', 8080],
    ['version 1, unknown', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', '127.0.0.1', null],
    ['version 2, IPv4', block(0x21, 0x11, v4), '192.0.2.7', 8080],
    ['version 2, IPv6', block(0x21, 0x21, v6), '2001:db8::7', 8080],
    ['version 2, mapped', block(0x21, 0x21, mapped), '192.0.2.7', 8080],
    ['version 2 with TLVs', block(0x21, 0x11, v4 + values), '192.0.2.7', 8080],
    ['version 2, of 4 KiB', block(0x21, 0x11, `${v4}\x04\x0f\xe1${'x'.repeat(4065)}`), '192.0.2.7', 8080],
    ['version 2, a socket of Unix', block(0x21, 0x31, unix), '127.0.0.1', null],
    ['version 2, unspecified', block(0x21, 0x00, ''), '127.0.0.1', null],
    ['version 2, LOCAL', block(0x20, 0x00, ''), '127.0.0.1', null],
    ['version 2, LOCAL with addresses', block(0x20, 0x11, v4), '127.0.0.1', null],
  ])('tells the client: %s', async (_, header, address, port) => {
    await using kit = await start();
    const whole = kit.client().send(header + get);
    const split = kit.client();
    for (const byte of header) {
      split.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    split.send(get);
    await whole.untilReceived('200 OK');
    await split.untilReceived('200 OK');
    for (const client of [whole, split]) client.send(get);
    await kit.until(() => kit.exchanges.length === 4);
    for (const { peer } of kit.exchanges) {
      expect(peer.address).toBe(address);
      if (port !== null) expect(peer.port).toBe(port);
      expect(peer.localPort).toBe(kit.listener.port);
    }
  });

  it.each([
    ['none', get],
    ['a TLS handshake', '\x16\x03\x01\x02\x00'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no known family', 'PROXY TCP5 192.0.2.7 10.0.0.1 8080 80\r\n'],
    ['IPv6 as TCP4', 'PROXY TCP4 ::1 ::1 8080 80\r\n'],
    ['a name', 'PROXY TCP4 a.test 10.0.0.1 8080 80\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%lo ::1 8080 80\r\n'],
    ['a port over 65535', 'PROXY TCP4 192.0.2.7 10.0.0.1 65536 80\r\n'],
    ['a port with a sign', 'PROXY TCP4 192.0.2.7 10.0.0.1 +80 80\r\n'],
    ['no ports', 'PROXY TCP4 192.0.2.7 10.0.0.1\r\n'],
    ['more than its fields', 'PROXY TCP4 192.0.2.7 10.0.0.1 8080 80 x\r\n'],
    ['two spaces', 'PROXY TCP4  192.0.2.7 10.0.0.1 8080 80\r\n'],
    ['bare LF', 'PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\n' + get],
    ['108 bytes', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    ['no end', `PROXY UNKNOWN ${'x'.repeat(200)}`],
    ['another version', block(0x31, 0x11, v4)],
    ['another command', block(0x22, 0x11, v4)],
    ['another family', block(0x21, 0x41, v4)],
    ['a datagram', block(0x21, 0x12, v4)],
    ['addresses that are cut short', block(0x21, 0x11, v4.slice(1))],
    ['a TLV beyond its end', block(0x21, 0x11, `${v4}\x04\x00\x05abc`)],
    ['a TLV without a length', block(0x21, 0x11, `${v4}\x04`)],
    ['more than 4 KiB', block(0x21, 0x11, `${v4}\x04\x0f\xe2${'x'.repeat(4066)}`)],
    ['a signature gone wrong', `\r\n\r\n\0\r\nQUIX\n`],
  ])('closes the connection: %s', async (_, header) => {
    const turnedAway: TurnedAway[] = [];
    await using kit = await start(turnedAway);
    const client = kit.client().send(header);
    await client.untilEnd();
    expect(client.received).toBe('');
    expect(kit.requests).toEqual([]);
    expect(turnedAway).toEqual(['header']);
    expect(kit.listener.counters).toMatchObject({ open: 0, turnedAway: 1 });
  });

  it.each(['', 'PROXY TCP4 192.0', block(0x21, 0x11, v4).slice(0, 20)])(
    'that does not come is waited for no longer than a head: %j',
    async (start) => {
      await using kit = await startHttp1({ limits: { headerTimeout: 100 }, listener: { relays: local } });
      const client = kit.client();
      if (start !== '') client.send(start);
      await client.untilEnd();
      expect(client.received).toBe('');
      while (kit.connections[0] !== 0) await new Promise((resolve) => setImmediate(resolve));
      expect(kit.listener.counters.open).toBe(0);
    },
  );

  it('of anybody else is a bad request', async () => {
    await using kit = await startHttp1({ listener: { relays: new CidrSet(['10.0.0.0/8']) } });
    for (const header of ['PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n', block(0x21, 0x11, v4)]) {
      const client = kit.client().send(header + get);
      expect(await client.untilEnd()).not.toContain('200');
    }
    expect(kit.requests).toEqual([]);
  });

  it('comes before TLS', async () => {
    const authority = testAuthority('servers');
    const served = { name: 'c/a', content: certificateContent(authority.server('a.test'), 'a.test') };
    const peers: string[] = [];
    const content = listenerContent({ protocol: 'https', tls: tlsContent({ defaultCertificate: 'c/a' }) });
    const listener = await openListener({
      content,
      limits: connectionLimits,
      reusePort: false,
      connections: new Int32Array(new SharedArrayBuffer(4)),
      relays: local,
      handler(exchange) {
        peers.push(`${exchange.peer.address} ${exchange.peer.port} ${exchange.peer.tls?.servername}`);
        answer(exchange, 'ok');
      },
      tls: {
        listener: 'listener/test',
        certificates: { select: () => served, find: () => served },
        ticketSecret: newTicketSecret(),
        wallClock: () => Date.now(),
        onUnusable: () => {},
      },
    });
    listener.update(content);
    // Apart, and in one piece with the ClientHello.
    for (const apart of [true, false]) {
      const raw = connect(listener.port, '127.0.0.1');
      await new Promise<void>((resolve) => raw.once('connect', resolve));
      if (!apart) raw.cork();
      raw.write(Buffer.from(block(0x21, 0x21, v6 + values), 'latin1'));
      if (apart) await new Promise((resolve) => setTimeout(resolve, 20));
      const socket = connectTls({ socket: raw, servername: 'a.test', ca: authority.ca });
      if (!apart) setImmediate(() => raw.uncork());
      socket.write(get);
      await new Promise<void>((resolve) => socket.once('data', () => resolve()));
      socket.destroy();
    }
    await listener.close();
    expect(peers).toEqual(['2001:db8::7 8080 a.test', '2001:db8::7 8080 a.test']);
  });
});

describe('connections of one address', () => {
  it('are no more than its limit; more are closed, and others are served', async () => {
    const turnedAway: TurnedAway[] = [];
    const places = new AddressPlaces(2);
    const onTurnedAway = (reason: TurnedAway): void => void turnedAway.push(reason);
    await using kit = await startHttp1({ listener: { relays: new CidrSet([]), places, onTurnedAway } });
    const first = kit.client().send(get);
    const second = kit.client().send(get);
    await first.untilReceived('200 OK');
    await second.untilReceived('200 OK');
    const third = kit.client().send(get);
    await third.untilEnd();
    expect(third.received).toBe('');
    expect(turnedAway).toEqual(['address']);
    first.reset();
    while (kit.connections[0] === 2) await new Promise((resolve) => setImmediate(resolve));
    await kit.client().send(get).untilReceived('200 OK');
    expect(places.size).toBe(1);
  });

  it('are counted for the client that a PROXY header tells, and never for a balancer that asks for itself', async () => {
    const places = new AddressPlaces(1);
    await using kit = await startHttp1({ listener: { relays: local, places } });
    const one = 'PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n';
    await kit
      .client()
      .send(one + get)
      .untilReceived('200 OK');
    expect(
      await kit
        .client()
        .send(one + get)
        .untilEnd(),
    ).toBe('');
    await kit
      .client()
      .send(one.replace('.7', '.8') + get)
      .untilReceived('200 OK');
    for (let i = 0; i < 2; i++)
      await kit
        .client()
        .send(block(0x20, 0, '') + get)
        .untilReceived('200 OK');
    expect(places.size).toBe(2);
  });
});
