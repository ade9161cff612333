// The gateway that the rows are asked of: operator and proxy in one process, objects from manifests, and as many lanes
// as cases run side by side. Every lane has the same routes.

import { readFileSync } from 'node:fs';
import { manifest, mock, object, pipeline, proxying, route } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld, type World } from '#test/support/world.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import { Lane } from './lane.ts';
import { relayAddress } from './row.ts';

export interface Gateway extends AsyncDisposable {
  readonly lanes: readonly Lane[];
  /** Lines of the access log that contain `text`; waits until there is one. */
  log(text: string): Promise<readonly string[]>;
}

/** What `hasty` means: rows about time-outs are over in seconds. */
const hastyLimits: Partial<ConnectionLimits> = { headerTimeout: 400, bodyTimeout: 400 };
const hastyKeepAlive = '400ms';

export async function startGateway(lanes: number, hasty: boolean): Promise<Gateway> {
  await using parts = new AsyncDisposableStack();
  const made: Lane[] = [];
  const manifests: Record<string, string> = {};
  for (let i = 0; i < lanes; i++) {
    const lane = parts.use(await Lane.start(await reservePort()));
    made.push(lane);
    manifests[`lane-${i}.yaml`] = laneManifest(i, lane, hasty);
  }
  const world = parts.use(
    await startWorld({
      manifests,
      via: 'in-process',
      threads: 0,
      flags: { 'proxy-protocol-from': relayAddress },
      ...(hasty ? { limits: hastyLimits } : {}),
    }),
  );
  const kept = parts.move();
  return { lanes: made, log: (text) => logLines(world, text), [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function laneManifest(index: number, lane: Lane, hasty: boolean): string {
  const to = (name: string): string => `${name}-${index}`;
  const up = to('up');
  const { originPort } = lane;
  const paths = [
    route('/admin', to('denied')),
    route('/limited', to('limited')),
    route('/named', to('named')),
    route('/kept', to('kept')),
    route('/nowhere', to('nowhere')),
    route('/late', to('late')),
    route('/argument', up, { setHeaders: { 'X-Argument': '$arg_q', 'X-Path': '$uri' } }),
    { pathRegexp: '^/rewrite/(.*)$', backend: up, rewriteTarget: '/new/$1' },
    route('/', up),
  ];
  const rules = [{ host: 'b.test', paths: [route('/', up, { setHeaders: { 'X-Route': 'b' } })] }, { paths }];
  const settings = hasty ? { keepAliveTimeout: hastyKeepAlive } : {};
  return manifest(
    object('HTTPServer', to('lane'), {
      port: lane.port,

      rules,
      ...settings,
    }),
    proxying(up, originPort),
    mock(to('denied'), 'denied'),
    pipeline(to('limited'), [
      {
        name: 'limiter',
        kind: 'RateLimiter',
        policies: [{ name: 'one', timeoutDuration: '0ms', limitRefreshPeriod: '90s', limitForPeriod: 1 }],
        defaultPolicyRef: 'one',
        urls: [{ url: { prefix: '/' } }],
      },
      { name: 'mock', kind: 'Mock', rules: [{ match: {}, code: 200, body: 'within' }] },
    ]),
    proxying(to('named'), originPort, { setUpstreamHost: true }),
    proxying(to('kept'), originPort, {
      servers: [{ url: `http://127.0.0.1:${originPort}`, keepHost: true }],
      setUpstreamHost: true,
    }),
    // Port 1: nobody listens.
    proxying(to('nowhere'), 1),
    proxying(to('late'), originPort, { timeout: '300ms' }),
  );
}

async function logLines(world: World, text: string): Promise<readonly string[]> {
  for (const end = performance.now() + 5000; performance.now() < end;) {
    const lines = readFileSync(world.accessLog(), 'latin1').split('\n').slice(0, -1);
    const found = lines.filter((line) => line.includes(text));
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return [];
}
