import { describe, expect, it } from 'vitest';
import { type Script, testPeer } from '#test/support/pipeline-kit.ts';
import { RequestWorld, answer } from '#test/support/request-world.ts';
import { BufferBody } from '#proxy/exchange/body.ts';
import { type MemoryRequest, PushBody, requestInMemory } from '#proxy/exchange/memory.ts';
import type { MemoryClient } from '#proxy/exchange/memory.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { pending } from '#proxy/pipeline/filter.ts';

// The request path over an adapter that keeps the rules of an exchange, with streams on both sides.

function send(world: RequestWorld, request: MemoryRequest = {}): MemoryClient {
  return requestInMemory(world.handler, { peer: testPeer, ...request });
}

/** Sends the body of the request back as the answer's, chunk by chunk. */
const echo: Script = (ctx) => answer(200, '', ctx.request?.body ?? null)(ctx);

describe('over an exchange in memory', () => {
  it('bodies stream through with their trailers', () => {
    const world = new RequestWorld({ scripts: { main: echo } });
    const client = send(world, { method: 'POST', bodyLength: -1 });
    client.send(Buffer.from('one '));
    client.send(Buffer.from('two'));
    expect([client.status, client.text, client.ending]).toEqual([200, 'one two', 'open']);
    client.finish(HeaderList.of(['x-sum', '7']));
    expect([client.ending, client.trailers?.get('x-sum')]).toEqual(['clean', '7']);
    expect(world.record).toMatchObject({ status: 200, error: null });
  });

  it('a client that stops reading holds the sender back', () => {
    const world = new RequestWorld({ scripts: { main: echo } });
    const client = send(world, { method: 'POST', bodyLength: -1 });
    client.pause();
    client.send(Buffer.from('kept'));
    expect([client.text, client.writable]).toEqual(['', false]);
    client.resume();
    expect(client.text).toBe('kept');
  });

  it('a body over the limit breaks the echo off and is told as such', () => {
    const world = new RequestWorld({ scripts: { main: echo }, owner: { clientMaxBodySize: 4 } });
    const client = send(world, { method: 'POST', bodyLength: -1 });
    client.send(Buffer.from('abc'));
    client.send(Buffer.from('de'));
    expect([client.status, client.text, client.ending]).toEqual([200, 'abc', 'broken']);
    expect(world.record).toMatchObject({ error: 'PayloadTooLarge', tags: ['bodyLimit'] });
  });

  it('a parked request is answered whenever the filter says', () => {
    let wake = (): void => {};
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          wake = () => ctx.complete(answer(200, '', new BufferBody(Buffer.from('late')))(ctx) as string);
          return pending;
        },
      },
    });
    const client = send(world);
    expect([client.status, client.ending]).toEqual([0, 'open']);
    wake();
    expect([client.status, client.text, client.ending]).toEqual([200, 'late', 'clean']);
  });

  it('a client that leaves in the middle of the answer cancels its source', () => {
    const source = new PushBody();
    let cancelled = false;
    source.onCancel = () => (cancelled = true);
    const world = new RequestWorld({ scripts: { main: answer(200, '', source) } });
    const client = send(world);
    source.push(Buffer.from('part'));
    client.reset();
    expect(cancelled).toBe(true);
    expect(world.record).toMatchObject({ status: 200, error: 'ClientAbort', errorLayer: 'listener' });
  });

  it('an upgrade hands the tunnel to the filter and its stream to the client', () => {
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => answer(101, '', ctx.request?.tunnel ?? null)(ctx),
      },
    });
    const client = send(world, { upgrade: true });
    expect(client.status).toBe(101);
    client.send(Buffer.from('ping'));
    expect(client.text).toBe('ping');
    expect(world.records).toEqual([]);
    client.finish();
    expect(world.record).toMatchObject({ status: 101, error: null });
  });

  it('interim answers reach the client before the final one', () => {
    const world = new RequestWorld({
      scripts: {
        main: (ctx) => {
          ctx.inform(103, HeaderList.of(['link', '</a>']));
          return answer(200)(ctx);
        },
      },
    });
    const client = send(world);
    expect(client.informs.map(({ status }) => status)).toEqual([103]);
    expect(client.status).toBe(200);
  });

  it('HEAD gets the head and the body is given up', () => {
    const body = new PushBody();
    let cancelled = false;
    body.onCancel = () => (cancelled = true);
    const client = send(new RequestWorld({ scripts: { main: answer(200, '', body) } }), { method: 'HEAD' });
    expect([client.status, client.ending, cancelled]).toEqual([200, 'clean', true]);
  });
});
