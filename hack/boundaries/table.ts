// Who may import whom. One row per room; a room is the longest path prefix that has a row. What is not listed is
// refused. `node:` packages are allowed unless a row says `nodeFree`. Tests may import anything.

export interface Room {
  /** Rooms of ours whose files may be imported, beside the room itself. */
  readonly rooms: readonly string[];
  /** npm packages; each library has one door. */
  readonly packages?: readonly string[];
  /** Neither `node:` modules nor clocks, randomness or the process. */
  readonly pure?: boolean;
}

const contract = ['proxy/contract', 'proxy/primitives'];
const filterSchemas = ['proxy/filters/schemas.ts', 'proxy/filters/filter-schema.ts'];

export const rooms: Readonly<Record<string, Room>> = {
  'proxy/primitives': { rooms: [], packages: ['zod'] },
  'proxy/primitives/regexp.ts': { rooms: ['proxy/primitives'], packages: ['re2js'] },
  'proxy/primitives/crypto': { rooms: [] },
  'proxy/exchange': { rooms: [] },
  'proxy/contract': { rooms: ['proxy/primitives'], packages: ['zod'] },
  'proxy/http1': { rooms: ['proxy/exchange', 'proxy/primitives'] },
  // Of HTTP/1.1 only what is of HTTP at large, and the life of a socket.
  'proxy/http2': {
    rooms: [
      'proxy/exchange',
      'proxy/primitives',
      'proxy/http1/authority.ts',
      'proxy/http1/chars.ts',
      'proxy/http1/client-exchange.ts',
      'proxy/http1/client-head.ts',
      'proxy/http1/clock.ts',
      'proxy/http1/fields.ts',
      'proxy/http1/limits.ts',
      'proxy/http1/response-head.ts',
      'proxy/http1/server-context.ts',
      'proxy/http1/socket-events.ts',
    ],
  },
  'proxy/listeners': { rooms: ['proxy/exchange', 'proxy/http1', 'proxy/http2', ...contract] },
  'proxy/router': { rooms: ['proxy/exchange', ...contract] },
  'proxy/pipeline': {
    rooms: ['proxy/exchange', 'proxy/filters/filter-schema.ts', 'proxy/upstream/upstream.ts', ...contract],
    packages: ['zod'],
  },
  'proxy/upstream': {
    rooms: ['proxy/exchange', 'proxy/http1', 'proxy/http2', 'proxy/runtime/thread-messages.ts', ...contract],
  },
  // Of a filter: its own folder, the shared matcher, and contract types.
  'proxy/filters': {
    rooms: ['proxy/exchange', 'proxy/pipeline', 'proxy/upstream/upstream.ts', ...contract],
    packages: ['zod'],
  },
  'proxy/runtime': {
    rooms: [
      'proxy/exchange',
      'proxy/listeners',
      'proxy/http1',
      'proxy/router',
      'proxy/pipeline',
      'proxy/upstream',
      'proxy/filters/index.ts',
      'proxy/filters/filter-schema.ts',
      'proxy/process',
      'proxy/sources/disk.ts',
      'proxy/sources/source.ts',
      ...contract,
    ],
  },
  'proxy/sources': { rooms: ['proxy/process', ...contract], packages: ['zod'] },
  'proxy/process': { rooms: ['proxy/primitives', 'package.json'], packages: ['fastify', 'pino', 'prom-client', 'zod'] },
  'proxy/main.ts': { rooms: ['proxy'] },
  'proxy/settings.ts': { rooms: ['proxy/primitives', 'proxy/process'], packages: ['zod'] },

  'operator/resources': { rooms: ['proxy/primitives', 'proxy/contract', ...filterSchemas], packages: ['zod'] },
  'operator/sources': { rooms: ['operator/resources', ...contract] },
  'operator/sources/yaml.ts': { rooms: ['operator/resources', ...contract], packages: ['js-yaml'] },
  'operator/store': { rooms: ['operator/resources', 'operator/sources/object-event.ts', ...contract] },
  'operator/compile': {
    rooms: ['operator/resources', 'operator/store', ...filterSchemas, ...contract],
    packages: ['zod'],
    pure: true,
  },
  'operator/status': { rooms: ['operator/resources', 'operator/store', 'operator/compile/result.ts', ...contract] },
  'operator/status/conditions.ts': {
    rooms: ['operator/status', 'operator/resources', 'operator/compile/result.ts', ...contract],
    pure: true,
  },
  'operator/publish': {
    rooms: ['operator/compile/result.ts', 'operator/status/acks.ts', 'proxy/process', ...contract],
    packages: ['zod'],
  },
  'operator/loop.ts': { rooms: ['operator', 'proxy/process', ...contract] },
  'operator/main.ts': { rooms: ['operator', 'proxy/process', ...contract] },
  'operator/settings.ts': { rooms: ['proxy/primitives', 'proxy/process'], packages: ['zod'] },
  // Where the two halves meet in one process.
  'operator/local-source.ts': { rooms: ['operator/publish', 'proxy/process', 'proxy/sources'] },
  // The only file that imports both mains.
  'operator/cli.ts': { rooms: ['operator', 'proxy'] },

  hack: { rooms: ['operator', 'proxy', 'test', 'hack'], packages: ['*'] },
  test: { rooms: ['operator', 'proxy', 'test', 'hack'], packages: ['*'] },
  'vitest.config.ts': { rooms: [], packages: ['vitest'] },
};

/** Identifiers that a pure room may not use, with what each would bring in. */
export const impure: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/\bDate\b/, 'a clock'],
  [/\bperformance\b/, 'a clock'],
  [/\bMath\.random\b/, 'randomness'],
  [/\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/, 'a timer'],
  [/\bprocess\./, 'the process'],
  [/\bconsole\b/, 'a logger'],
];
