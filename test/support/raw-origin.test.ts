import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { answer, startRawOrigin } from './raw-origin.ts';

describe('the scripted origin', () => {
  it('records whole requests and answers byte for byte', async () => {
    await using origin = await startRawOrigin((connection) => {
      connection.onRequest(() => connection.send(answer('ok')));
    });
    const client = connect(origin.port, '127.0.0.1');
    let got = '';
    client.on('data', (data) => (got += data.toString('latin1')));
    client.write('POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\n\r\n');
    client.write('PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n');
    await origin.waitForRequests(3);
    client.destroy();
    await new Promise((resolve) => client.on('close', resolve));
    expect(origin.requests).toEqual([
      'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc',
      'GET /2 HTTP/1.1\r\n\r\n',
      'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
    ]);
    expect(got.length % answer('ok').length).toBe(0);
  });
});
