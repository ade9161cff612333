// The proxy's half of the conversation in contract/messages.ts: collects a change, has it applied, acknowledges. It
// outlives connections, because an apply may still run when the next one opens; it knows no sockets (stream.ts does,
// and the process that holds both halves hands messages over directly).
//
//   connected ─▶ hello ─▶ delta units… commit ─▶ apply ─▶ ack ─▶ …          live ─▶ sink at once

import { ViewVersion } from '#proxy/contract/hash.ts';
import {
  maxMessageBytes,
  maxReportBytes,
  protocolVersion,
  type Rejection,
  type ToOperator,
  type ToProxy,
  type WireUnit,
} from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import type { ApplyResult, UnitSink } from './source.ts';

/** What the proxy says about itself. */
export interface ProxySelf {
  readonly name: string;
  readonly build: string;
  readonly unitKinds: readonly string[];
  readonly filterKinds: readonly string[];
}

export interface Connection {
  send(message: ToOperator): void;
  /** The bytes or the order of messages make no sense: connect anew. */
  fail(reason: string): void;
  /** The operator spoke its welcome: it is there and accepts us. */
  welcomed(): void;
  /** A change was applied and acknowledged. */
  acknowledged(): void;
  /** The operator asked to connect again. */
  goodbye(reason: string): void;
}

interface Collected {
  readonly version: string;
  readonly upserts: WireUnit[];
  readonly removes: string[];
}

const tableChunkBytes = maxMessageBytes / 2;

export class StreamConversation {
  private readonly sink: UnitSink;
  private readonly self: ProxySelf;
  private readonly log: Log;
  private connection: Connection | null = null;
  private collected: Collected | null = null;
  /** Applies and tables, one after the other. */
  private work: Promise<void> = Promise.resolve();
  private applying = false;
  /** After bytes that made no sense the next hello asks to compare tables. */
  private distrust = false;

  constructor(sink: UnitSink, self: ProxySelf, log: Log) {
    this.sink = sink;
    this.self = self;
    this.log = log;
    sink.onVerdict = (result) => this.retell(result);
  }

  /** Says hello, once an apply that is still running has ended. */
  connected(connection: Connection): void {
    this.connection = connection;
    this.collected = null;
    this.enqueue(connection, () => {
      const { version, entries } = this.sink.table();
      const digest = this.distrust ? '' : digestOf(entries);
      this.distrust = false;
      connection.send({
        type: 'hello',
        protocol: protocolVersion,
        build: this.self.build,
        proxy: this.self.name,
        version,
        digest,
        unitKinds: [...this.self.unitKinds],
        filterKinds: [...this.self.filterKinds],
      });
    });
  }

  disconnected(): void {
    this.connection = null;
    this.collected = null;
  }

  /** Bytes could not be decoded: says so, and does not trust its own version on the next connection. */
  undecodable(reason: string): void {
    this.distrust = true;
    this.connection?.send({ type: 'nack', version: this.collected?.version ?? '', reason });
    this.connection?.fail(reason);
  }

  receive(message: ToProxy): void {
    const connection = this.connection;
    if (connection === null) return;
    switch (message.type) {
      case 'welcome':
        return connection.welcomed();
      case 'needTable':
        this.collected = null;
        return this.enqueue(connection, () => this.sendTable(connection));
      case 'delta':
        return this.open(message.version, message.removes);
      case 'units':
        return this.collect(connection, message.units);
      case 'commit':
        return this.commit(connection, message.version);
      case 'live':
        return this.sink.live({ upserts: message.upserts, removes: message.removes });
      case 'goodbye':
        return connection.goodbye(message.reason);
      default:
        return message satisfies never;
    }
  }

  /** Lossy: returns false when nobody hears it or it is too large. */
  report(topic: string, payload: unknown): boolean {
    const size = Buffer.byteLength(JSON.stringify(payload) ?? '');
    if (this.connection === null || size > maxReportBytes) return false;
    this.connection.send({ type: 'report', topic, payload });
    return true;
  }

  token(token: string): void {
    this.connection?.send({ type: 'token', token });
  }

  /** The verdict on what was applied last became another: a port could be bound after all. */
  private retell(result: ApplyResult): void {
    // While an apply runs its own ack will say it.
    if (!this.applying) this.sendAck(result);
  }

  private open(version: string, removes: readonly string[]): void {
    if (this.collected?.version === version && this.collected.upserts.length === 0) {
      this.collected.removes.push(...removes);
      return;
    }
    this.collected = { version, upserts: [], removes: [...removes] };
  }

  private collect(connection: Connection, units: readonly WireUnit[]): void {
    if (this.collected === null) return connection.fail('units outside a change');
    for (const unit of units) this.collected.upserts.push(unit);
  }

  private commit(connection: Connection, version: string): void {
    const change = this.collected;
    this.collected = null;
    if (change === null || change.version !== version || this.applying) {
      const reason = this.applying
        ? 'a change before the last one was acknowledged'
        : `commit of ${version} without its delta`;
      connection.send({ type: 'nack', version, reason });
      return;
    }
    this.applying = true;
    this.enqueue(connection, async () => {
      let result: ApplyResult;
      try {
        result = await this.sink.apply(change);
      } finally {
        this.applying = false;
      }
      if (this.connection !== connection) return;
      this.sendAck(result);
      connection.acknowledged();
    });
  }

  private sendAck(result: ApplyResult): void {
    this.connection?.send({ type: 'ack', version: result.version, rejected: withinBound(result.rejected) });
  }

  private sendTable(connection: Connection): void {
    let entries: Record<string, string> = {};
    let size = 0;
    for (const [name, hash] of Object.entries(this.sink.table().entries)) {
      entries[name] = hash;
      size += Buffer.byteLength(name) * 2 + hash.length + 8;
      if (size < tableChunkBytes) continue;
      connection.send({ type: 'table', entries, done: false });
      entries = {};
      size = 0;
    }
    connection.send({ type: 'table', entries, done: true });
  }

  /** Runs after everything that runs already, and only if the connection is still the one it was meant for. */
  private enqueue(connection: Connection, run: () => void | Promise<void>): void {
    this.work = this.work.then(async () => {
      if (this.connection !== connection) {
        this.applying = false;
        return;
      }
      try {
        await run();
      } catch (error) {
        // A sink reports what it cannot build as rejections; that it throws is a fault of ours, and must not end
        // what it serves.
        this.log.error({ err: error }, 'a change could not be applied');
        this.distrust = true;
        connection.send({ type: 'nack', version: '', reason: 'the proxy failed to apply the change' });
      }
    });
  }
}

/**
 * All refused units have to fit into one message. When their reasons do not, the later ones go without: that a unit is
 * refused must be told, or it would count as served.
 */
function withinBound(rejections: readonly Rejection[]): Rejection[] {
  let left = maxMessageBytes * 0.75;
  for (const { unit } of rejections) left -= Buffer.byteLength(unit) + 40;
  return rejections.map((rejection) => {
    left -= Buffer.byteLength(JSON.stringify(rejection.diagnostics));
    return left > 0 ? rejection : { unit: rejection.unit, diagnostics: [] };
  });
}

function digestOf(entries: Readonly<Record<string, string>>): string {
  const digest = new ViewVersion();
  for (const [name, hash] of Object.entries(entries)) digest.add(name, hash);
  return digest.toString();
}
