import { describe, expect, it } from 'vitest';
import { BufferBody } from '#proxy/exchange/body.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { startHttp1 } from '#test/support/http1-kit.ts';
import { get, number } from '#test/support/http2-peer.ts';
import { frameType, setting } from './frames.ts';
import { urgencyOf } from './urgency.ts';

describe('urgency (RFC 9218 4.1)', () => {
  it.each([
    ['', 3],
    ['u=0', 0],
    ['u=7, i', 7],
    ['i,u=1', 1],
    ['u=5;x=1', 5],
    ['u=8', 3],
    ['u=-1', 3],
    ['u=12', 3],
    ['u', 3],
    ['u=1, u=6', 6],
    ['U=1', 3],
    ['gu=1', 3],
  ])('%j is %i', (value, urgency) => {
    expect(urgencyOf(value)).toBe(urgency);
  });

  it('decides what is sent first, as the head or a later PRIORITY_UPDATE says it', async () => {
    const size = 200_000;
    await using kit = await startHttp1({
      handler: (exchange) =>
        exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, new BufferBody(Buffer.alloc(size))),
    });
    const client = kit.http2().hello([[setting.initialWindowSize, size]]);
    client
      .headers(1, [...get, ['priority', 'u=5']])
      .headers(3, [...get, ['priority', 'u=1']])
      .headers(5, get)
      .headers(7, get);
    client.frame(frameType.priorityUpdate, 0, 0, Buffer.concat([number(7), Buffer.from('u=0')]));
    const blocked = (): number => client.frames.filter((each) => each.type === frameType.data).length;
    await client.until(() => blocked() >= 4);
    client.window(0, 4 * size);
    for (const stream of [1, 3, 5, 7]) await client.untilDone(stream);
    const ends = client.frames.filter((each) => each.type === frameType.data && (each.flags & 1) === 1);
    expect(ends.map((each) => each.stream)).toEqual([7, 3, 5, 1]);
    expect(kit.requests[0]).toBe('GET / @a.test priority=u=5');
  });

  it('of a stream that is not open changes nothing', async () => {
    await using kit = await startHttp1();
    const client = kit.http2().hello();
    client.frame(frameType.priorityUpdate, 0, 0, Buffer.concat([number(9), Buffer.from('u=0')]));
    await client.headers(1, get).untilDone(1);
    expect(client.goaway).toBe(-1);
  });
});
