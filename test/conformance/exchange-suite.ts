// The rules of proxy/exchange/exchange.ts as tests, to be run over every adapter.

import { afterEach, describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import type { ExchangeHandler } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PushBody } from '#proxy/exchange/memory.ts';
import {
  Changes,
  type ContractAdapter,
  type ContractClient,
  type ContractRequest,
  type ContractServer,
} from './exchange-contract.ts';
import { block, EndlessBody, Seen, tooMuch } from './exchange-probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const ok = (...fields: [string, string][]): { status: number; reason: string; headers: HeaderList } => ({
  status: 200,
  reason: '',
  headers: HeaderList.of(...fields),
});

export function exchangeContract(adapter: ContractAdapter): void {
  describe(`exchange over ${adapter.name}`, () => {
    let server: ContractServer | null = null;
    const changes = new Changes();

    afterEach(async () => {
      await server?.close();
      server = null;
    });

    async function serve(handler: ExchangeHandler): Promise<(request?: ContractRequest) => ContractClient> {
      const opened = await adapter.serve(handler);
      server = opened;
      return (request = {}) => opened.request(request);
    }

    /** Starts a server whose handler only notes the exchange; `act` may answer it at once. */
    async function exchangeOf(
      request: ContractRequest,
      act: (seen: Seen) => void = () => {},
    ): Promise<{ client: ContractClient; seen: Seen }> {
      const found: Seen[] = [];
      const send = await serve((exchange) => {
        const seen = new Seen(exchange, changes);
        found.push(seen);
        act(seen);
        changes.notify();
      });
      const client = send(request);
      await changes.until(() => found.length > 0);
      return { client, seen: found[0] as Seen };
    }

    describe('heads', () => {
      it('hands over method, target and authority as they came, and no body where there is none', async () => {
        const { client, seen } = await exchangeOf({ method: 'PURGE', target: '/a%2Fb?x=%20' }, ({ exchange }) =>
          exchange.respond(ok(), null),
        );
        expect(seen.exchange.head).toMatchObject({ method: 'PURGE', target: '/a%2Fb?x=%20', authority: 'a.test' });
        expect(seen.exchange.body).toBeNull();
        expect(seen.exchange.tunnel).toBeNull();
        await client.until(() => client.ending === 'clean');
        expect(client.status).toBe(200);
      });

      it('keeps repeated fields, in order, both ways', async () => {
        const headers = HeaderList.of(['x-l', '1'], ['x-l', '2']);
        const { client, seen } = await exchangeOf({ headers }, ({ exchange }) =>
          exchange.respond(ok(['set-cookie', 'a=1'], ['set-cookie', 'b=2']), null),
        );
        expect(seen.exchange.head.headers.getAll('x-l').join(', ')).toBe('1, 2');
        await client.until(() => client.ending === 'clean');
        expect(client.headers.getAll('set-cookie')).toEqual(['a=1', 'b=2']);
      });

      it('may be answered while the handler runs, or later; once', async () => {
        const { client, seen } = await exchangeOf({});
        await parked(20);
        expect([client.status, client.ending]).toEqual([0, 'open']);
        seen.exchange.respond(ok(), new BufferBody(bytes('late')));
        expect(() => seen.exchange.respond(ok(), null)).toThrow(/answered/);
        expect(() => seen.exchange.abort(new ProxyError('Internal', ''))).toThrow(/answered/);
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('late');
      });

      it('sends interim answers before the final one, and none after it', async () => {
        const { client } = await exchangeOf({}, ({ exchange }) => {
          exchange.inform(103, HeaderList.of(['link', '</a>']));
          exchange.inform(102, new HeaderList());
          exchange.respond(ok(), null);
          exchange.inform(103, new HeaderList());
        });
        await client.until(() => client.ending === 'clean');
        expect(client.informs.map((each) => each.status)).toEqual([103, 102]);
        expect(client.informs[0]?.headers.get('link')).toBe('</a>');
      });

      it.each([
        ['HEAD', 200],
        ['GET', 204],
        ['GET', 304],
      ])('sends no body with %s and %i, and cancels the one it was given', async (method, status) => {
        const body = new EndlessBody(changes);
        const { client } = await exchangeOf({ method }, ({ exchange }) =>
          exchange.respond({ status, reason: '', headers: new HeaderList() }, body),
        );
        await client.until(() => client.ending === 'clean');
        expect([client.status, client.text, body.sent, body.cancelled]).toEqual([status, '', 0, null]);
      });

      it('keeps the Content-Length that an answer to HEAD states', async () => {
        const { client } = await exchangeOf({ method: 'HEAD' }, ({ exchange }) =>
          exchange.respond(ok(['content-length', '1000']), null),
        );
        await client.until(() => client.ending === 'clean');
        expect(client.headers.get('content-length')).toBe('1000');
      });
    });

    describe('bodies', () => {
      it('answers with a body of known length', async () => {
        const { client } = await exchangeOf({}, ({ exchange }) =>
          exchange.respond(ok(), new BufferBody(bytes('hello'))),
        );
        await client.until(() => client.ending === 'clean');
        expect([client.text, client.headers.get('content-length')]).toEqual(['hello', '5']);
      });

      it('answers with a body of unknown length, piece by piece', async () => {
        const body = new PushBody();
        const { client } = await exchangeOf({}, ({ exchange }) => exchange.respond(ok(), body));
        body.push(bytes('one '));
        await client.until(() => client.text === 'one ');
        body.push(bytes('two'));
        body.end();
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('one two');
      });

      it('passes trailers of the answer on to a client that takes them', async () => {
        const body = new PushBody();
        body.push(bytes('x'));
        body.end(HeaderList.of(['grpc-status', '0']));
        const { client } = await exchangeOf({ acceptsTrailers: true }, ({ exchange }) => exchange.respond(ok(), body));
        await client.until(() => client.ending === 'clean');
        expect(client.trailers?.get('grpc-status')).toBe('0');
      });

      it('hands over the body of a request and its trailers', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: -1 }, (each) =>
          each.read(each.exchange.body),
        );
        client.send(bytes('one'));
        await changes.until(() => seen.got.length === 1);
        client.send(bytes('two'));
        client.finish(HeaderList.of(['x-sum', '3']));
        await changes.until(() => seen.got.includes('end'));
        expect(seen.got).toEqual(['one', 'two', 'end']);
        expect(seen.trailers?.get('x-sum')).toBe('3');
        seen.exchange.respond(ok(), null);
        await client.until(() => client.ending === 'clean');
      });

      it('tells the declared length of a request body', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 4 });
        expect(seen.exchange.body?.length).toBe(4);
        client.send(bytes('body'));
        client.finish();
        seen.read(seen.exchange.body);
        await changes.until(() => seen.got.includes('end'));
        seen.exchange.respond(ok(), new BufferBody(bytes(seen.got[0] ?? '')));
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('body');
      });

      it('delivers nothing before start() and nothing while paused', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: -1 });
        const { body } = seen.exchange;
        client.send(bytes('one'));
        await parked(20);
        expect(seen.got).toEqual([]);
        body?.pause();
        seen.read(body);
        await parked(20);
        expect(seen.got).toEqual([]);
        body?.resume();
        await changes.until(() => seen.got.length === 1);
        body?.pause();
        client.send(bytes('two'));
        client.finish();
        await parked(20);
        expect(seen.got).toEqual(['one']);
        body?.resume();
        await changes.until(() => seen.got.includes('end'));
        expect(seen.got).toEqual(['one', 'two', 'end']);
        seen.exchange.respond(ok(), null);
        await client.until(() => client.ending === 'clean');
      });

      it('starts a body once', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 1 }, (each) =>
          each.read(each.exchange.body),
        );
        expect(() => seen.read(seen.exchange.body)).toThrow(/once/);
        client.send(bytes('x'));
        client.finish();
        await changes.until(() => seen.got.includes('end'));
      });

      it('answers early: the rest of the request goes nowhere and the client has its answer', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 1024 * 1024 }, ({ exchange }) =>
          exchange.respond({ status: 413, reason: '', headers: new HeaderList() }, null),
        );
        client.send(block);
        await client.until(() => client.status === 413);
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.outcomes[0]).toMatchObject({ status: 413, error: null });
      });

      it('takes a cancelled body off and still answers', async () => {
        const { client } = await exchangeOf({ method: 'POST', bodyLength: 10 }, ({ exchange }) => {
          exchange.body?.cancel(null);
          exchange.respond(ok(), new BufferBody(bytes('done')));
        });
        client.send(bytes('0123456789'));
        client.finish();
        await client.until(() => client.text === 'done');
      });
    });

    describe('back-pressure', () => {
      it('pauses the source of an answer whose reader is slow, and goes on afterwards', async () => {
        const source = new EndlessBody(changes);
        source.limit = 24 * 1024 * 1024;
        const { client, seen } = await exchangeOf({});
        client.pause();
        seen.exchange.respond(ok(), source);
        await changes.until(() => source.pauses > source.resumes);
        await parked(50);
        expect(source.sent).toBeLessThan(source.limit);
        client.resume();
        await client.until(() => client.ending === 'clean');
        expect(client.text.length).toBe(source.limit);
      });

      it('holds a client back whose body nobody reads', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: -1 });
        const sent = await sendUntilFull(client);
        expect(sent).toBeLessThan(tooMuch);
        seen.read(seen.exchange.body);
        client.finish();
        await changes.until(() => seen.got.includes('end'));
        expect(seen.size).toBe(sent);
        seen.exchange.respond(ok(), null);
        await client.until(() => client.ending === 'clean');
      });
    });

    describe('a client that goes away', () => {
      it('while the exchange is parked: onAbort, and a late answer is dropped', async () => {
        const { client, seen } = await exchangeOf({});
        client.reset();
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.aborts.map((cause) => cause.code)).toEqual(['ClientAbort']);
        expect(seen.outcomes[0]).toMatchObject({ status: 0, error: { code: 'ClientAbort' } });
        const late = new EndlessBody(changes);
        seen.exchange.respond(ok(), late);
        expect([late.sent, late.cancelled?.code]).toEqual([0, 'ClientAbort']);
      });

      it('in the middle of an answer: the source is cancelled', async () => {
        const body = new PushBody();
        const causes: (ProxyError | null)[] = [];
        body.onCancel = (cause) => causes.push(cause);
        const { client, seen } = await exchangeOf({}, ({ exchange }) => exchange.respond(ok(), body));
        body.push(bytes('x'));
        await client.until(() => client.text === 'x');
        client.reset();
        await changes.until(() => seen.outcomes.length === 1);
        expect(causes.map((cause) => cause?.code)).toEqual(['ClientAbort']);
        expect(seen.outcomes[0]).toMatchObject({ status: 200, error: { code: 'ClientAbort' } });
      });

      it('in the middle of its request: the body breaks off', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 10 }, (each) =>
          each.read(each.exchange.body),
        );
        client.send(bytes('abc'));
        await changes.until(() => seen.got.length === 1);
        client.reset();
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.got).toEqual(['abc', 'error ClientAbort']);
        expect(seen.aborts).toHaveLength(1);
      });

      it('before the body was started: start() tells', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 10 });
        client.reset();
        await changes.until(() => seen.outcomes.length === 1);
        seen.read(seen.exchange.body);
        expect(seen.got).toEqual(['error ClientAbort']);
      });
    });

    describe('a server that breaks off', () => {
      it('by abort(): the client sees no clean end', async () => {
        const { client, seen } = await exchangeOf({}, ({ exchange }) =>
          exchange.abort(new ProxyError('UpstreamReset', 'gone')),
        );
        await client.until(() => client.ending !== 'open');
        expect([client.ending, client.status]).toEqual(['broken', 0]);
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.outcomes[0]).toMatchObject({ error: { code: 'UpstreamReset' } });
        expect(seen.aborts).toEqual([]);
      });

      it.each([-1, 10])('in the middle of a body of length %i: no clean end either', async (length) => {
        const body = new PushBody(length);
        const { client, seen } = await exchangeOf({}, ({ exchange }) => exchange.respond(ok(), body));
        body.push(bytes('x'));
        await client.until(() => client.text === 'x');
        body.fail(new ProxyError('UpstreamReset', 'gone'));
        await client.until(() => client.ending !== 'open');
        expect(client.ending).toBe('broken');
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.outcomes[0]).toMatchObject({ status: 200, error: { code: 'UpstreamReset' } });
      });
    });

    describe('a parked exchange', () => {
      it('waits as long as it takes', async () => {
        const { client, seen } = await exchangeOf({ method: 'POST', bodyLength: 4 });
        client.send(bytes('body'));
        client.finish();
        await parked(200);
        expect([client.status, client.ending, seen.outcomes.length]).toEqual([0, 'open', 0]);
        seen.read(seen.exchange.body);
        await changes.until(() => seen.got.includes('end'));
        seen.exchange.respond(ok(), new BufferBody(bytes('woken')));
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('woken');
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.outcomes[0]?.error).toBeNull();
      });
    });

    describe.runIf(adapter.connections)('connections', () => {
      it('answers a client that has ended its side', async () => {
        const { client, seen } = await exchangeOf({ halfClose: true });
        await parked(20);
        expect(seen.aborts).toEqual([]);
        seen.exchange.respond(ok(), new BufferBody(bytes('still there?')));
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('still there?');
      });

      it('gives both directions of an upgraded connection away', async () => {
        const { client, seen } = await exchangeOf({ upgrade: true });
        const { exchange } = seen;
        expect(exchange.tunnel).not.toBeNull();
        const back = new PushBody();
        exchange.respond({ status: 101, reason: '', headers: HeaderList.of(['Upgrade', 'echo']) }, back);
        seen.read(exchange.tunnel);
        await client.until(() => client.status === 101);
        client.send(bytes('ping'));
        await changes.until(() => seen.got.includes('ping'));
        back.push(bytes('pong'));
        await client.until(() => client.text === 'pong');
        client.finish();
        await changes.until(() => seen.got.includes('end'));
        expect(seen.outcomes).toEqual([]);
        back.push(bytes('!'));
        back.end();
        await client.until(() => client.ending === 'clean');
        expect(client.text).toBe('pong!');
      });

      it('serves the plain request when an upgrade is refused', async () => {
        const { client, seen } = await exchangeOf({ upgrade: true }, ({ exchange }) =>
          exchange.respond({ status: 403, reason: '', headers: new HeaderList() }, new BufferBody(bytes('no'))),
        );
        await client.until(() => client.ending === 'clean');
        expect([client.status, client.text]).toEqual([403, 'no']);
        await changes.until(() => seen.outcomes.length === 1);
      });

      it('tells both directions when a tunnel breaks', async () => {
        const { client, seen } = await exchangeOf({ upgrade: true });
        const back = new PushBody();
        const causes: (ProxyError | null)[] = [];
        back.onCancel = (cause) => causes.push(cause);
        seen.exchange.respond({ status: 101, reason: '', headers: HeaderList.of(['Upgrade', 'echo']) }, back);
        seen.read(seen.exchange.tunnel);
        await client.until(() => client.status === 101);
        client.reset();
        await changes.until(() => seen.outcomes.length === 1);
        expect(seen.got).toEqual(['error ClientAbort']);
        expect(causes.map((cause) => cause?.code)).toEqual(['ClientAbort']);
      });
    });

    async function sendUntilFull(client: ContractClient): Promise<number> {
      let sent = 0;
      let idle = 0;
      while (idle < 5 && sent < tooMuch) {
        if (client.writable || idle === 0) {
          client.send(block);
          sent += block.length;
        }
        await parked(5);
        idle = client.writable ? 0 : idle + 1;
      }
      return sent;
    }
  });
}

/** Lets time pass in which nothing is to happen. */
async function parked(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
