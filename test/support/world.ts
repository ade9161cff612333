// A whole gateway in one process: an operator over a folder of manifests and its proxies, joined by the real push
// stream or as `easegress run` joins them. What a test waits for is an event: a change of the folder that was seen,
// a status, an acknowledgement. Everything lies in a folder of its own and is gone at the end.
//
//   await using world = await startWorld({ manifests: { 'web.yaml': manifest(server(…), mock(…)) } });
//   await world.write('web.yaml', …);  expect(await world.get('/')).toMatchObject({ status: 200 });

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startControl, startOperator, type Control, type Operator } from '#operator/main.ts';
import { localSource } from '#operator/local-source.ts';
import { readOperatorSettings } from '#operator/settings.ts';
import type { Condition } from '#operator/status/conditions.ts';
import type { ObjectStatus } from '#operator/status/status.ts';
import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { ConnectionLimits } from '#proxy/http1/limits.ts';
import { startProxy, type Proxy } from '#proxy/main.ts';
import { logTo, type Log, type LogLevel } from '#proxy/process/log.ts';
import { readProxySettings } from '#proxy/settings.ts';
import { ask, get, type Answer } from './answers.ts';
import { portStep, reservePort } from './ports.ts';

export type Via = 'stream' | 'in-process';

export interface WorldOptions {
  readonly manifests: Readonly<Record<string, string>>;
  /** Proxy n listens on the objects' ports + 10,000·n, n from 0. */
  readonly proxies?: number;
  readonly threads?: 0 | 1 | 2;
  readonly via?: Via;
  /** Proxies keep their units on disk. */
  readonly stateful?: boolean;
  readonly limits?: Partial<ConnectionLimits>;
  /** More flags of the proxies. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Milliseconds until a port that was taken is tried again. */
  readonly retryMs?: number;
  /** Milliseconds for which a removed port still answers. */
  readonly graceMs?: number;
  /** Where proxies look for the operator, when not at its own port: a relay. */
  readonly relay?: (operatorPort: number) => Promise<number>;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const patienceMs = 20_000;

export async function startWorld(options: WorldOptions): Promise<World> {
  const world = new World(options);
  try {
    await world.start();
  } catch (error) {
    await world[Symbol.asyncDispose]();
    throw error;
  }
  return world;
}

export class World implements AsyncDisposable {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'easegress-world-'));
  readonly manifests = path.join(this.dir, 'manifests');
  readonly logs: LogLine[] = [];
  /** What the operator printed for a person. */
  readonly printed: string[] = [];
  readonly proxies: (Proxy | null)[] = [];
  private readonly options: WorldOptions;
  private readonly log: Log;
  private operatorPort = 0;
  private viaPort = 0;
  private operator: Operator | null = null;
  private running: Control | null = null;
  private waiting: (() => void)[] = [];

  constructor(options: WorldOptions) {
    this.options = options;
    this.log = logTo((level, fields, message) => {
      this.logs.push({ level, message, fields });
      this.changed();
    });
  }

  async start(): Promise<void> {
    mkdirSync(this.manifests);
    for (const [name, text] of Object.entries(this.options.manifests)) this.put(name, text);
    await this.startOperator();
    for (let index = 0; index < (this.options.proxies ?? 1); index++) await this.startProxy(index);
    await this.applied();
  }

  get control(): Control {
    if (this.running === null) throw new Error('the operator is stopped');
    return this.running;
  }

  async startOperator(): Promise<void> {
    const { log } = this;
    const print = (line: string): void => {
      this.printed.push(line);
      this.changed();
    };
    if (this.options.via === 'in-process') {
      this.running = await startControl({ files: this.manifests, log, print });
    } else {
      if (this.operatorPort === 0) {
        this.operatorPort = await reservePort();
        this.viaPort = (await this.options.relay?.(this.operatorPort)) ?? this.operatorPort;
      }
      const flags = {
        files: this.manifests,
        'state-dir': this.stateDir('operator'),
        admin: '127.0.0.1:0',
        'debug-port': '0',
      };
      const listen = `127.0.0.1:${this.operatorPort}`;
      this.operator = await startOperator(readOperatorSettings(argv({ ...flags, listen }), {}), { log, print });
      this.running = this.operator.control;
    }
    const { store, statuses } = this.running;
    store.onChange(() => this.changed());
    const update = statuses.update.bind(statuses);
    statuses.update = (change) => {
      const changed = update(change);
      this.changed();
      return changed;
    };
  }

  async stopOperator(): Promise<void> {
    await (this.operator ?? this.running)?.[Symbol.asyncDispose]();
    this.operator = null;
    this.running = null;
  }

  async startProxy(index: number): Promise<void> {
    const flags: Record<string, string> = {
      name: `proxy-${index}`,
      threads: String(this.options.threads ?? 0),
      admin: '127.0.0.1:0',
      'debug-port': '0',
      'access-log': this.accessLog(index),
      'access-log-format': 'json',
      'port-offset': String(index * portStep),
      grace: `${this.options.graceMs ?? 5000}ms`,
      ...this.options.flags,
    };
    if (this.options.stateful === true) flags['state-dir'] = this.stateDir(`proxy-${index}`);
    if (this.options.via !== 'in-process') {
      flags['operator'] = `127.0.0.1:${this.viaPort}`;
      flags['ca-file'] = path.join(this.dir, 'operator', 'ca.pem');
      flags['token-file'] = path.join(this.dir, 'operator', 'token');
    }
    const { limits, retryMs, via } = this.options;
    const settings = {
      ...readProxySettings(argv(flags), {}),
      ...(limits === undefined ? {} : { limits }),
      ...(retryMs === undefined ? {} : { retryMs }),
    };
    const { log } = this;
    this.proxies[index] = await startProxy(settings, {
      log,
      fatal: (error) => log.error({ err: error }, 'fatal'),
      ...(via === 'in-process' ? { source: () => localSource(this.control.sessions, settings.name, log) } : {}),
    });
  }

  async stopProxy(index: number): Promise<void> {
    const proxy = this.proxies[index];
    this.proxies[index] = null;
    await proxy?.[Symbol.asyncDispose]();
  }

  proxy(index = 0): Proxy {
    const proxy = this.proxies[index];
    if (proxy === undefined || proxy === null) throw new Error(`proxy ${index} does not run`);
    return proxy;
  }

  /** Writes the file as an editor does; resolves when every proxy has answered for what it changed. */
  async write(name: string, text: string): Promise<void> {
    await this.change(() => this.put(name, text));
  }

  async remove(name: string): Promise<void> {
    await this.change(() => rmSync(path.join(this.manifests, name)));
  }

  /** Writes without waiting for anything. */
  put(name: string, text: string): void {
    const temporary = path.join(this.manifests, `.${name}.new`);
    writeFileSync(temporary, text);
    renameSync(temporary, path.join(this.manifests, name));
  }

  /** Until every proxy has answered for everything that was compiled. A refusal is an answer. */
  async applied(): Promise<void> {
    const proxies = this.proxies.filter((proxy) => proxy !== null).length;
    await this.until('every proxy has answered', () => {
      const rows = this.control.sessions.rows().filter(({ phase }) => phase === 'open');
      return rows.length === proxies && rows.every(({ version, wanted }) => version === wanted);
    });
  }

  /** Resolves when `holds`; it is tried whenever anything happened: an object, a status, an acknowledgement, a log line. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`waited until ${what}\n${this.printed.join('\n')}`)),
      patienceMs,
    );
    try {
      while (!holds()) await Promise.race([new Promise<void>((resolve) => this.waiting.push(resolve)), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** For what has no event: asks again until the answer fits. */
  async untilAnswer(what: string, request: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> {
    for (const end = performance.now() + patienceMs; performance.now() < end;) {
      const answer = await request();
      if (fits(answer)) return answer;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited until ${what}`);
  }

  /** One request on a connection of its own. */
  ask(port: number, request: string): Promise<Answer> {
    return ask(port, request);
  }

  get(port: number, target: string, host?: string): Promise<Answer> {
    return ask(port, get(target, host));
  }

  /** Of `Kind name`. */
  status(object: string): ObjectStatus {
    const [kind = '', name = ''] = object.split(' ');
    const status = this.control.statuses.all.get(`${kind}/default/${name}`);
    if (status === undefined) throw new Error(`${object} has no status`);
    return status;
  }

  /** `code path` of each finding about `Kind name`. */
  findings(object: string): string[] {
    return this.status(object).diagnostics.map(({ code, path: place }) => `${code} ${place}`);
  }

  condition(object: string, type: string): Condition {
    const condition = this.status(object).conditions.find((each) => each.type === type);
    if (condition === undefined) throw new Error(`${object} has no condition ${type}`);
    return condition;
  }

  /** Findings about a file. */
  fileFindings(name: string): readonly Diagnostic[] {
    return this.control.store.placeDiagnostics().get(name) ?? [];
  }

  /** The access log's line about a path, as JSON; written within 100 ms of the answer. */
  async logged(urlPath: string, index = 0): Promise<Readonly<Record<string, unknown>>> {
    for (const end = performance.now() + patienceMs; performance.now() < end;) {
      const text = existsSync(this.accessLog(index)) ? readFileSync(this.accessLog(index), 'utf8') : '';
      const lines = text.split('\n').slice(0, -1);
      const found = lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((line) => line['url.path'] === urlPath);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited until ${urlPath} is in the access log`);
  }

  /** Ports of all debug pages, the operator's first. */
  get debugPorts(): readonly number[] {
    const operator = this.operator === null ? [] : [this.operator.debugPort];
    return [...operator, ...this.proxies.flatMap((proxy) => (proxy === null ? [] : [proxy.admin.debugPort]))];
  }

  /** Lines of the metrics page. */
  async metrics(index = 0): Promise<string[]> {
    const page = await fetch(`http://127.0.0.1:${this.proxy(index).admin.port}/metrics`);
    return (await page.text()).split('\n');
  }

  accessLog(index = 0): string {
    return path.join(this.dir, `access-${index}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => rmSync(this.dir, { recursive: true, force: true }));
    stack.defer(() => this.stopOperator());
    for (const index of this.proxies.keys()) stack.defer(() => this.stopProxy(index));
  }

  private async change(act: () => void): Promise<void> {
    const { store, loop } = this.control;
    const before = store.sequence;
    act();
    await this.until('the change of a file was seen', () => store.sequence > before);
    await loop.settled();
    await this.applied();
  }

  private stateDir(name: string): string {
    const dir = path.join(this.dir, name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return dir;
  }

  private changed(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }
}

function argv(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
}
