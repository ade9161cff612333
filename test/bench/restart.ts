// What a restarted operator sends to sessions that already have everything: the real stream clients, with a table for
// a sink, behind a relay that counts.

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { operatorName, type LiveChange, type UnitChange } from '#proxy/contract/messages.ts';
import { unitKinds } from '#proxy/contract/units.ts';
import type { UnitSink } from '#proxy/sources/source.ts';
import { streamSource } from '#proxy/sources/stream.ts';
import { Fleet, until } from '#test/support/fleet.ts';
import { freePort } from './processes.ts';
import { startRelay } from './relay.ts';
import { objects } from './worlds.ts';

export interface RestartFigures {
  readonly routes: number;
  readonly sessions: number;
  /** Bytes to all sessions on the first connection, and after the restart. */
  readonly full: number;
  readonly again: number;
}

export async function restartBytes(routes: number, sessions: number): Promise<RestartFigures> {
  const dir = mkdtempSync(path.join(tmpdir(), 'restart-'));
  try {
    await using stack = new AsyncDisposableStack();
    const fleet = stack.use(new Fleet({ dir, threads: 1, core: null }));
    objects(routes).create(fleet.manifests, await freePort());
    const operator = await fleet.startOperator();
    const relay = stack.use(await startRelay(fleet.operatorPort));
    const tables = Array.from({ length: sessions }, () => tableSink());
    for (const [n, sink] of tables.entries()) {
      const source = streamSource({
        addresses: [`127.0.0.1:${relay.port}`],
        serverName: operatorName,
        readCa: () => readFile(path.join(dir, 'operator', 'ca.pem'), 'utf8'),
        readToken: async () => (await readFile(path.join(dir, 'operator', 'token'), 'utf8')).trim(),
        self: { name: `bench-${n}`, build: 'bench', unitKinds: Object.keys(unitKinds), filterKinds: [] },
        log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
      });
      stack.use(source);
      await source.start(sink);
    }
    await until(
      'all sessions have everything',
      () => tables.every((sink) => Object.keys(sink.table().entries).length > routes),
      120,
    );
    await sleep(1000);
    const full = relay.counts.down;
    await fleet.stop(operator);
    const applied = tables.map((sink) => sink.applied);
    await fleet.startOperator();
    await until(
      'all sessions have heard the new operator',
      () => tables.every((sink, n) => sink.applied > (applied[n] ?? 0)),
      120,
    );
    await sleep(1000);
    return { routes, sessions, full, again: relay.counts.down - full };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

interface TableSink extends UnitSink {
  /** Changes applied, empty ones included. */
  applied: number;
}

function tableSink(): TableSink {
  const entries: Record<string, string> = {};
  let version = '';
  const take = ({ upserts, removes }: LiveChange): void => {
    for (const name of removes) delete entries[name];
    for (const unit of upserts) entries[unit.name] = unit.hash;
  };
  return {
    applied: 0,
    onVerdict: null,
    async apply(change: UnitChange) {
      take(change);
      version = change.version;
      this.applied++;
      return { version, rejected: [] };
    },
    live: take,
    table: () => ({ version, entries }),
  };
}
