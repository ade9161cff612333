// The publishing half of an operator, for tests: sessions and the push stream's server on port 0, with an authority
// and a token file in a folder of their own. What compile would yield is handed in.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '#operator/publish/identity/authority.ts';
import { tokenFileVerifier } from '#operator/publish/identity/token-file.ts';
import { startPushServer, type PushServer, type PushServerOptions } from '#operator/publish/server.ts';
import { Sessions, type SessionsOptions } from '#operator/publish/sessions.ts';
import { operatorName } from '#proxy/contract/messages.ts';
import { logTo } from '#proxy/process/log.ts';
import { StreamSource, streamTimes, type StreamSourceOptions } from '#proxy/sources/stream.ts';

export const silent = logTo(() => {});

export const tokens = {
  default: 'token-of-audience-default',
  left: 'token-of-audience-left-',
  right: 'token-of-audience-right',
} as const;

export interface PushOperator extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly server: PushServer;
  readonly port: number;
  readonly ca: string;
  readonly dir: string;
}

export interface PushOperatorOptions {
  readonly sessions?: Partial<SessionsOptions>;
  readonly server?: Partial<PushServerOptions>;
  /** State folder of an earlier one: the same authority and tokens. */
  readonly dir?: string;
  readonly port?: number;
}

export async function startPushOperator(options: PushOperatorOptions = {}): Promise<PushOperator> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'easegress-push-')));
  const tokenFile = join(dir, 'tokens');
  if (options.dir === undefined) {
    const { left, right } = tokens;
    await writeFile(tokenFile, `${tokens.default}\n${left} left\n${right} right\n`, { mode: 0o600 });
  }
  const authority = await openAuthority(dir);
  const verifier = await tokenFileVerifier(tokenFile);
  const sessions = new Sessions({ log: silent, build: 'test', ...options.sessions });
  const server = await startPushServer({
    address: { host: '127.0.0.1', port: options.port ?? 0 },
    certificate: () => authority.issue([]),
    verifier,
    sessions,
    log: silent,
    ...options.server,
  });
  return {
    sessions,
    server,
    port: server.port,
    ca: authority.certificate,
    dir,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      if (options.dir === undefined) await rm(dir, { recursive: true });
    },
  };
}

/** A real stream source that waits next to nothing between attempts. */
export function sourceFor(
  operator: { port: number; ca: string },
  options: Partial<StreamSourceOptions> = {},
): StreamSource {
  return new StreamSource({
    addresses: [`127.0.0.1:${operator.port}`],
    serverName: operatorName,
    readCa: () => Promise.resolve(operator.ca),
    readToken: () => Promise.resolve(tokens.default),
    self: { name: 'proxy', build: 'test', unitKinds: [], filterKinds: [] },
    log: silent,
    times: { ...streamTimes, firstWait: 2, longestWait: 20 },
    ...options,
  });
}
