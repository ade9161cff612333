import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { get, KeptConnection } from '#test/support/answers.ts';
import { manifest, mock, proxying, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld } from '#test/support/world.ts';

describe('what is counted and logged', () => {
  it('is the same number: requests, lines and metrics, by code, over two threads', async () => {
    const port = await reservePort();
    const paths = [
      route('/ok', 'a'),
      route('/gone', 'nobody'),
      route('/only', 'a', { methods: ['POST'] }),
      route('/down', 'down'),
    ];
    const web = manifest(server('web', port, paths), mock('a', 'a'), proxying('down', await reservePort()));
    await using world = await startWorld({ threads: 2, manifests: { 'web.yaml': web } });
    const expected: Record<string, number> = { '200': 40, '404': 20, '405': 20, '503': 40 };
    const targets = ['/ok', '/ok', '/none', '/only', '/gone', '/down'];
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await using connection = new KeptConnection(port);
        for (const target of targets) await connection.ask(get(target));
      }),
    );
    const lines = await untilLines(world.accessLog(), 120);
    const codes: Record<string, number> = {};
    for (const line of lines) {
      const code = String(line['http.response.status_code']);
      codes[code] = (codes[code] ?? 0) + 1;
    }
    expect(codes).toEqual(expected);
    const layers = new Set(
      lines.map((line) => `${String(line['http.response.status_code'])} ${String(line['easegress.layer'])}`),
    );
    expect(layers).toEqual(new Set(['200 undefined', '404 router', '405 router', '503 router', '503 upstream']));

    const metrics = await world.metrics();
    const of = (name: string): Record<string, number> => {
      const rows = metrics.filter((line) => line.startsWith(`${name}{`));
      return Object.fromEntries(
        rows.map((row) => [/code_class="(\w+)"/.exec(row)?.[1] ?? '', Number(row.split(' ').at(-1))]),
      );
    };
    expect(of('easegress_http_requests_total')).toEqual({ '2xx': 40, '4xx': 40, '5xx': 40 });
    const failures = metrics.filter((line) => /^easegress_(http_errors|upstream_failures)_total\{.* [1-9]/.test(line));
    expect(failures.map((line) => line.replace(/upstream="[^"]*"/, 'upstream'))).toEqual([
      'easegress_upstream_failures_total{upstream,reason="ConnectFailed"} 20',
      'easegress_http_errors_total{code="NoRoute",layer="router"} 20',
      'easegress_http_errors_total{code="MethodNotAllowed",layer="router"} 20',
      'easegress_http_errors_total{code="RouteUnavailable",layer="router"} 20',
      'easegress_http_errors_total{code="ConnectFailed",layer="upstream"} 20',
    ]);
    expect(metrics).toContain('easegress_access_log_lines_total 120');
    expect(metrics).toContain('easegress_access_log_lines_dropped_total 0');
  });
});

describe('a secret', () => {
  it('is on no page, in no log and in no status', async () => {
    const canary = Buffer.from('CANARY-PRIVATE-KEY').toString('base64');
    const [port, own] = [await reservePort(), await reservePort()];
    const mtls = { mtls: { certBase64: Buffer.from('no certificate').toString('base64'), keyBase64: canary } };
    const web = manifest(
      server('web', port, [route('/', 'up'), route('/x', 'nobody')]),
      server('tls', own, [route('/', 'up')], { keyBase64: canary, keys: { a: canary } }),
      proxying('up', 1, {}, mtls),
    );
    await using world = await startWorld({ manifests: { 'web.yaml': web } });
    await world.until('the pipeline is told', () => world.condition('Pipeline up', 'Programmed').status === 'False');
    await world.get(port, '/');
    await world.until('it is printed', () => world.printed.some((line) => line.includes('Pipeline default/up')));
    const places = [
      JSON.stringify(world.logs, errorText),
      world.printed.join('\n'),
      JSON.stringify([...world.control.statuses.all]),
    ];
    for (const debugPort of world.debugPorts) {
      for (const page of ['units', 'objects', 'status', 'sessions', 'threads', `explain?url=http://a.test:${port}/`]) {
        places.push(await (await fetch(`http://127.0.0.1:${debugPort}/debug/${page}`)).text());
      }
    }
    expect(places.join('\n')).toContain('Pipeline');
    for (const text of places) expect(text).not.toMatch(new RegExp(`CANARY|${canary}`));
  });
});

/** Errors are written out, so that a secret in one would be seen. */
function errorText(_key: string, value: unknown): unknown {
  return value instanceof Error ? `${value.message} ${value.stack ?? ''}` : value;
}

async function untilLines(file: string, count: number): Promise<Record<string, unknown>[]> {
  for (;;) {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    if (lines.length >= count) return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
