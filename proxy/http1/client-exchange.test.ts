import { describe, expect, it } from 'vitest';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { exchange, okAnswer, origin, TestConnection } from '#test/support/client-connection.ts';
import { answer, startRawOrigin } from '#test/support/raw-origin.ts';
import { Answer, makeRequest, PushBody } from '#test/support/upstream-call.ts';

describe('an answer before the request is whole', () => {
  it('stops the request when the origin refuses it, is passed on whole, and the connection is closed', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    });
    const client = await new TestConnection().open(raw);
    const body = new PushBody(1000);
    const received = client.send({ method: 'POST', body });
    body.push('abc');
    await received.finished();
    expect([received.status, received.text]).toEqual([413, 'no']);
    expect(body.cancelled).toBe(null);
    expect([client.frees, client.closes]).toEqual([0, 1]);
  });

  it('lets both directions go on while the origin answers as it reads', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
      void connection.until((each) => each.received.endsWith('abc')).then(() => connection.send('ABC'));
      void connection.until((each) => each.received.endsWith('abcdef')).then(() => connection.send('DEF'));
    });
    const client = await new TestConnection().open(raw);
    const body = new PushBody(6);
    const received = client.send({ method: 'POST', body });
    await received.until((each) => each.status === 200);
    body.push('abc');
    await received.until((each) => each.text === 'ABC');
    body.push('def');
    body.end();
    await received.finished();
    expect([received.text, client.frees]).toEqual(['ABCDEF', 1]);
  });

  it('ends the request when it is whole first', async () => {
    await using raw = await startRawOrigin((connection) => connection.send(okAnswer));
    const client = await new TestConnection().open(raw);
    const body = new PushBody();
    const received = await client.send({ method: 'POST', body }).finished();
    expect([received.text, body.cancelled, client.frees, client.closes]).toEqual(['ok', null, 0, 1]);
  });
});

describe('back-pressure on the answer', () => {
  it('reads nothing before the body is started', async () => {
    await using raw = await origin(answer('hello'));
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    expect(received.text).toBe('');
    received.source?.start(received);
    expect((await received.finished()).text).toBe('hello');
    expect(client.frees).toBe(1);
  });

  it('stops after the chunk in which the receiver paused and goes on where it stopped', async () => {
    const chunks = ['one', 'two', 'three'].map((text) => `${text.length}\r\n${text}\r\n`).join('');
    await using raw = await origin(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    const seen: string[] = [];
    let ended = false;
    received.source?.start({
      chunk(data) {
        seen.push(data.toString());
        received.source?.pause();
      },
      end: () => (ended = true),
      error: () => {},
    });
    expect(seen).toEqual(['one']);
    received.source?.resume();
    expect(seen).toEqual(['one', 'two']);
    received.source?.resume();
    expect([seen.length, ended]).toEqual([3, false]);
    received.source?.resume();
    expect([ended, client.frees]).toEqual([true, 1]);
  });

  it('holds an origin back that sends more than anybody reads', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => connection.send('HTTP/1.1 200 OK\r\n\r\n'));
    });
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    const socket = raw.connections[0]?.socket;
    const block = Buffer.alloc(1024 * 1024);
    let sent = 0;
    while (socket?.write(block) === true && sent < 64) sent++;
    expect(socket?.writableNeedDrain).toBe(true);
    const buffered = socket?.writableLength ?? 0;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(socket?.writableLength).toBe(buffered);
    client.connection.destroy();
  });

  it('hears of the end that came while the receiver paused', async () => {
    await using raw = await origin('HTTP/1.1 200 OK\r\n\r\nrest', (connection) => connection.end());
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    received.source?.start(received);
    expect((await received.finished()).text).toBe('rest');
    expect(received.ended).toBe(true);
  });
});

describe('giving up', () => {
  it('closes the connection at once and calls nothing any more', async () => {
    await using raw = await startRawOrigin(() => {});
    const client = await new TestConnection().open(raw);
    const received = new Answer();
    const exchange_ = client.connection.send(
      makeRequest(),
      null,
      { pathPrefix: '', host: null, ownHost: '', maxBody: -1 },
      { inform: () => {}, head: () => {}, failed: (error) => received.error(error), done: () => {} },
    );
    await raw.waitForConnections(1);
    await raw.connections[0]?.until((each) => each.received.endsWith('\r\n\r\n'));
    exchange_.cancel(new ProxyError('ClientAbort', 'gone'));
    await raw.connections[0]?.until((each) => each.ended || each.closed);
    expect([received.failure, client.closes]).toEqual([null, 1]);
  });

  it('keeps the connection when the rest of the unwanted answer is there already', async () => {
    await using raw = await origin(answer('hello'));
    const client = await new TestConnection().open(raw);
    const received = client.send({}, { read: false });
    await received.until((each) => each.status === 200);
    received.source?.cancel(null);
    expect([client.frees, client.closes, client.doneWith]).toEqual([1, 0, [null]]);
    expect((await client.send().finished()).text).toBe('hello');
  });

  it('closes the connection when the rest of the unwanted answer is still to come', async () => {
    await using raw = await origin('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello');
    const client = await new TestConnection().open(raw);
    const received = client.send();
    await received.until((each) => each.text === 'hello');
    received.source?.cancel(null);
    expect([client.frees, client.closes, client.doneWith]).toEqual([0, 1, [null]]);
    received.source?.cancel(null);
    expect(client.doneWith.length).toBe(1);
  });
});

describe('upgrades', () => {
  const upgradeHeaders = () => HeaderList.of(['Upgrade', 'websocket'], ['Sec-WebSocket-Key', 'x']);

  it('become a tunnel in which both sides speak, and each ends its own half', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() => {
        connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst');
      });
    });
    const client = await new TestConnection().open(raw);
    const tunnel = new PushBody();
    const received = client.send({ headers: upgradeHeaders(), tunnel });
    await received.until((each) => each.text === 'first');
    expect(raw.requests[0]).toContain('\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
    expect(received.headers.get('upgrade')).toBe('websocket');
    await tunnel.until((each) => each.sink !== null);
    tunnel.push('ping');
    const [connection] = raw.connections;
    await connection?.until((each) => each.received.endsWith('ping'));
    connection?.send('pong');
    await received.until((each) => each.text === 'firstpong');
    tunnel.end();
    await connection?.until((each) => each.ended);
    connection?.send('last');
    connection?.end();
    await received.finished();
    expect([received.text, received.bodyError]).toEqual(['firstponglast', null]);
    expect([client.doneWith, client.frees, client.closes]).toEqual([[null], 0, 1]);
  });

  it('break on both sides when one breaks', async () => {
    await using raw = await startRawOrigin((connection) => {
      connection.onRequest(() =>
        connection.send('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      );
    });
    const first = await new TestConnection().open(raw);
    const tunnel = new PushBody();
    const received = first.send({ headers: upgradeHeaders(), tunnel });
    await tunnel.until((each) => each.sink !== null);
    raw.connections[0]?.reset();
    expect((await received.finished()).bodyError?.code).toBe('UpstreamReset');
    expect(tunnel.cancelled?.code).toBe('UpstreamReset');

    const second = await new TestConnection().open(raw);
    const other = new PushBody();
    const answer_ = second.send({ headers: upgradeHeaders(), tunnel: other });
    await other.until((each) => each.sink !== null);
    other.fail(new ProxyError('ClientAbort', 'gone'));
    expect((await answer_.finished()).bodyError?.code).toBe('ClientAbort');
    await raw.connections[1]?.until((each) => each.closed || each.ended);
  });

  it('that the origin refuses are plain answers', async () => {
    const { received, reused } = await exchange(answer('no', 'HTTP/1.1 403 Forbidden'), undefined, {
      headers: upgradeHeaders(),
      tunnel: new PushBody(),
    });
    expect([received.status, received.text, reused]).toEqual([403, 'no', true]);
  });

  it('to HTTP/2 are never asked for', async () => {
    const { requests } = await exchange(okAnswer, undefined, {
      headers: HeaderList.of(['Upgrade', 'h2c'], ['HTTP2-Settings', 'x']),
      tunnel: new PushBody(),
    });
    expect(requests[0]).toBe('GET / HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 easegress\r\n\r\n');
  });
});
