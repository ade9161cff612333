import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { formatHeaders, formatSpan, formatTime } from './access-log-fields.ts';
import { formatJson } from './access-log-json.ts';
import { formatText } from './access-log-text.ts';
import type { RequestRecord } from './record.ts';

function record(facts: Partial<RequestRecord> = {}): RequestRecord {
  return {
    listener: 'listener/default/*:80',
    owner: 'owner/web',
    rule: 'rule/web/0',
    pathIndex: 2,
    pipeline: 'pipeline/default/line',
    pipelineTitle: 'line',
    accessLogFormat: '',
    method: 'GET',
    target: '/a?b=1',
    authority: 'a.test',
    scheme: 'http',
    version: '1.1',
    peer: { address: '10.0.0.7', port: 4711, localAddress: '10.0.0.1', localPort: 80 },
    realIp: '203.0.113.9',
    requestHeaders: HeaderList.of(['Host', 'a.test'], ['Cookie', 'sid=canary']),
    responseHeaders: HeaderList.of(['Content-Type', 'text/plain']),
    status: 200,
    error: null,
    errorLayer: '',
    errorDetail: '',
    time: Date.UTC(2026, 10, 24, 7, 5, 9, 4),
    durationMs: 12.34,
    bytesIn: 100,
    bytesOut: 200,
    traces: [],
    tags: [],
    upstreams: [],
    ...facts,
  };
}

const trace = {
  pipeline: 'line',
  steps: [
    { node: 'add', result: '', durationMs: 0.002 },
    { node: 'send', result: 'clientError', durationMs: 11.84 },
  ],
};

describe('a line of text', () => {
  it("has Easegress's format", () => {
    expect(formatText(record({ traces: [trace] }), '')).toBe(
      '[2026-11-24T07:05:09.004Z] [10.0.0.7:4711 203.0.113.9 GET /a?b=1 HTTP/1.1 200] ' +
        '[12.3ms rx:100B tx:200B] [pipeline(line): add(2us)->send(clientError,11.8ms)]',
    );
  });

  it('joins several pipelines, upstreams, tags and the cause', () => {
    const facts: Partial<RequestRecord> = {
      traces: [{ pipeline: 'before', steps: [] }, trace],
      tags: ['one', 'two'],
      upstreams: [
        {
          upstream: 'u',
          title: 'send#main',
          endpoint: '10.1.0.1:80',
          status: 0,
          durationMs: 11,
          error: 'ConnectFailed',
        },
      ],
      error: 'ConnectFailed',
      errorLayer: 'upstream',
      errorDetail: 'refused',
    };
    expect(formatText(record(facts), '{{Tags}}')).toBe(
      'pipeline(before): <empty> | pipeline(line): add(2us)->send(clientError,11.8ms) | ' +
        'send#main#duration: 11ms 10.1.0.1:80 | one | two | upstream: ConnectFailed: refused',
    );
  });

  it('cuts the URI at 512 characters', () => {
    const line = formatText(record({ target: `/${'x'.repeat(600)}` }), '{{URI}}');
    expect(line).toBe(`/${'x'.repeat(511)}...`);
    expect(formatText(record({ target: `/${'x'.repeat(511)}` }), '{{URI}}')).toHaveLength(512);
  });

  it('is bounded, whatever a client sends', () => {
    const long = 'x'.repeat(60_000);
    const facts = record({
      method: long,
      target: long,
      authority: long,
      errorDetail: long,
      error: 'Internal',
      requestHeaders: HeaderList.of(['a', long]),
    });
    expect(formatText(facts, '{{Method}}{{URI}}{{Tags}}{{ReqHeaders}}').length).toBeLessThan(10_000);
    expect(formatJson(facts).length).toBeLessThan(4000);
  });

  it.each<[string, string]>([
    ['{{ Method }} {{.URI}}', 'GET /a?b=1'],
    ['{{Nope}}|{{Method}}', '|GET'],
    ['plain', 'plain'],
    ['{{Method}}\nforged', 'GET forged'],
    ['{{Proto}} {{ReqSize}} {{RespSize}} {{StatusCode}}', 'HTTP/1.1 100 200 200'],
    ['{{ReqHeaders}}', 'Host: a.test, Cookie: ***'],
    ['{{RespHeaders}}', 'Content-Type: text/plain'],
  ])('understands the format %j', (format, line) => {
    expect(formatText(record(), format)).toBe(line);
  });

  it.each([
    ['1.0', 'HTTP/1.0'],
    ['2', 'HTTP/2.0'],
  ])('names version %s as %s', (version, proto) => {
    expect(formatText(record({ version }), '{{Proto}}')).toBe(proto);
  });

  it('puts an IPv6 peer into brackets', () => {
    const peer = { address: '::1', port: 1, localAddress: '::1', localPort: 80 };
    expect(formatText(record({ peer }), '{{RemoteAddr}}')).toBe('[::1]:1');
  });

  it('goes on working when thousands of formats have come and gone', () => {
    for (let i = 0; i < 3000; i++) expect(formatText(record(), `${i} {{Method}}`)).toBe(`${i} GET`);
  });
});

describe('JSON', () => {
  it("uses OpenTelemetry's names", () => {
    const line = formatJson(
      record({
        traces: [trace],
        tags: ['one'],
        upstreams: [
          { upstream: 'u', title: 'send#main', endpoint: 'e:80', status: 503, durationMs: 11.5, error: null },
        ],
      }),
    );
    expect(JSON.parse(line)).toEqual({
      timestamp: '2026-11-24T07:05:09.004Z',
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.path': '/a',
      'url.query': 'b=1',
      'server.address': 'a.test',
      'server.port': 80,
      'client.address': '203.0.113.9',
      'network.peer.address': '10.0.0.7',
      'network.peer.port': 4711,
      'network.protocol.name': 'http',
      'network.protocol.version': '1.1',
      'http.response.status_code': 200,
      'http.server.request.duration': 0.01234,
      'http.request.size': 100,
      'http.response.size': 200,
      'easegress.listener': 'listener/default/*:80',
      'easegress.owner': 'owner/web',
      'easegress.rule': 'rule/web/0',
      'easegress.path': 2,
      'easegress.pipeline': 'line',
      'easegress.trace': ['pipeline(line): add(2us)->send(clientError,11.8ms)'],
      'easegress.tags': ['one'],
      'easegress.upstreams': [{ upstream: 'send#main', endpoint: 'e:80', status: 503, duration: 0.0115 }],
    });
  });

  it('names the cause and its layer, and leaves out what there is not', () => {
    const line = JSON.parse(
      formatJson(
        record({
          owner: '',
          rule: '',
          pipelineTitle: '',
          target: '/',
          error: 'NoRoute',
          errorLayer: 'router',
          upstreams: [
            { upstream: 'u', title: 't', endpoint: '', status: 0, durationMs: 1, error: 'NoEndpoint' },
            { upstream: 'u', title: 't', endpoint: '', status: 200, durationMs: 1, error: null },
          ],
        }),
      ),
    );
    expect(line).toMatchObject({ 'error.type': 'NoRoute', 'easegress.layer': 'router' });
    expect(line['easegress.upstreams'][0].error).toBe('NoEndpoint');
    for (const key of ['easegress.owner', 'easegress.rule', 'easegress.path', 'easegress.pipeline', 'url.query']) {
      expect(line).not.toHaveProperty(key);
    }
  });
});

describe('nobody can forge a line', () => {
  const evil = 'a\r\nb\x1b[2Jc"d\\e\u00e9\u{1f600}\x00\x7f\t\u2028';
  const facts: Partial<RequestRecord> = {
    method: evil,
    target: evil,
    authority: evil,
    realIp: evil,
    tags: [evil],
    errorDetail: evil,
    error: 'Internal',
    errorLayer: 'internal',
    requestHeaders: HeaderList.of([evil, evil]),
    traces: [{ pipeline: evil, steps: [{ node: evil, result: evil, durationMs: 1 }] }],
    upstreams: [{ upstream: evil, title: evil, endpoint: evil, status: 0, durationMs: 1, error: null }],
  };
  const everything =
    '{{Time}}{{RemoteAddr}}{{RealIP}}{{Method}}{{URI}}{{Proto}}{{StatusCode}}{{Duration}}{{Tags}}{{ReqHeaders}}';

  it('as text', () => {
    const line = formatText(record(facts), everything);
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(line).not.toContain('"');
    expect(line).toContain('a\\x0d\\x0ab\\x1b[2Jc\\x22d\\x5ce\\xe9\\u{d83d}\\u{de00}\\x00\\x7f\\x09\\u{2028}');
  });

  it('as JSON, which reads back as it was', () => {
    const line = formatJson(record(facts));
    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(line)).toMatchObject({ 'http.request.method': evil, 'easegress.tags': [evil] });
  });
});

describe('credentials', () => {
  const canary = 'canary-7f3a';
  const headers = new HeaderList();
  const names = [
    'Authorization',
    'PROXY-AUTHORIZATION',
    'cookie',
    'Set-Cookie',
    'X-Api-Key',
    'X-Auth-Token',
    'Session-Id',
  ];
  for (const name of names) headers.append(name, canary);

  it('of headers never reach a line in any form', () => {
    const facts = record({ requestHeaders: headers, responseHeaders: headers });
    const text = formatText(facts, '{{ReqHeaders}} {{RespHeaders}} {{Tags}} {{URI}}');
    expect(text).not.toContain(canary);
    expect(formatJson(facts)).not.toContain(canary);
    expect(formatHeaders(headers)).toBe(names.map((name) => `${name}: ***`).join(', '));
  });
});

describe('pieces', () => {
  it.each([
    [0, '0us'],
    [0.0123, '12us'],
    [1, '1ms'],
    [11.84, '11.8ms'],
    [999.94, '999.9ms'],
    [1000, '1s'],
    [61_240, '61.2s'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });

  it('formats times like toISOString, forwards and backwards', () => {
    for (const ms of [0, 999, 1000, 1_700_000_000_123.7, 1_700_000_000_042, 5]) {
      expect(formatTime(ms)).toBe(new Date(Math.floor(ms)).toISOString());
    }
  });
});
