import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, type Answer } from '#test/support/answers.ts';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';
import { reservePort } from '#test/support/ports.ts';
import { askTls } from '#test/support/tls.ts';
import { startWorld, type World } from '#test/support/world.ts';

// Every sample is served, and every `curl` line in its head does what stands beside it. Only the ports are others.

const folder = path.join(import.meta.dirname, '..', '..', 'config', 'samples');
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const rest = new AsyncDisposableStack();
let world: World;
const ports = new Map<string, number>();

beforeAll(async () => {
  for (const stated of ['8080', '8443']) ports.set(stated, await reservePort());
  for (const echo of ['9001', '9002', '9003']) ports.set(echo, rest.use(await startEchoUpstream(echo)).port);
  const text = (name: string): string =>
    readFileSync(path.join(folder, name), 'utf8').replace(/\b(8080|8443|900[123])\b/g, (found) =>
      String(ports.get(found)),
    );
  world = rest.use(await startWorld({ manifests: Object.fromEntries(names.map((name) => [name, text(name)])) }));
});

afterAll(() => rest.disposeAsync());

describe('the samples', () => {
  it('are all accepted, resolved and programmed, without a warning', async () => {
    const statuses = () => [...world.control.statuses.all.values()];
    const unmet = () =>
      statuses().flatMap(({ object, conditions }) =>
        conditions
          .filter(({ status }) => status !== 'True')
          .map(({ type, message }) => `${object.kind} ${object.name} ${type}: ${message}`),
      );
    await world.until('all is told', () => unmet().length === 0);
    expect(statuses().length).toBeGreaterThan(names.length);
    expect(statuses().flatMap(({ diagnostics }) => diagnostics)).toEqual([]);
    expect([...world.control.store.placeDiagnostics()]).toEqual([]);
  });

  it.each(names.flatMap((name) => curls(name).map((line): [string, Curl] => [`${name}: ${line.text}`, line])))(
    '%s',
    async (_, line) => {
      const answer = await line.ask();
      for (const fits of expectations(line.beside)) fits(answer);
    },
  );
});

interface Curl {
  readonly text: string;
  readonly ask: () => Promise<Pick<Answer, 'status' | 'body'>>;
  /** What the sample says about the answer. */
  readonly beside: string;
}

function curls(name: string): Curl[] {
  const lines = readFileSync(path.join(folder, name), 'utf8').matchAll(/^# +(curl .*)$/gm);
  return [...lines].map(([, line = '']) => {
    const [text = '', beside = ''] = line.split(/ {2,}/);
    const url = URL.parse(/https?:\/\/[^\s']+/.exec(text)?.[0] ?? '');
    if (url === null) throw new Error(`no URL in ${line}`);
    const fields = [...text.matchAll(/-H '([^']*)'/g)].map(([, field = '']) => field);
    const method = /-X ([A-Z]+)/.exec(text)?.[1] ?? 'GET';
    const request = get(`${url.pathname}${url.search}`, url.hostname, ...fields).replace(/^GET/, method);
    const at = (): number => ports.get(url.port) ?? 0;
    const ask =
      url.protocol === 'https:' ? () => askSecurely(at(), url.hostname, request) : () => world.ask(at(), request);
    return { text, ask, beside };
  });
}

async function askSecurely(
  port: number,
  servername: string,
  request: string,
): Promise<Pick<Answer, 'status' | 'body'>> {
  const send = request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
  const { text, error, names } = await askTls({ port, servername, send });
  expect({ error, names }).toEqual({ error: '', names: 'localhost, *.localhost, IP Address:127.0.0.1' });
  return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf('\r\n\r\n') + 4) };
}

function expectations(beside: string): ((answer: Pick<Answer, 'status' | 'body'>) => void)[] {
  const status = Number(/^(\d{3}):/.exec(beside)?.[1] ?? 200);
  const sees = /server sees (\S+)/.exec(beside)?.[1];
  const server = /^server (\d+)/.exec(beside)?.[1];
  const all = [(answer: Pick<Answer, 'status' | 'body'>) => expect(answer.status).toBe(status)];
  if (sees !== undefined) all.push(({ body }) => expect(JSON.parse(body)).toMatchObject({ url: sees }));
  if (server !== undefined) all.push(({ body }) => expect(JSON.parse(body)).toMatchObject({ server }));
  return all;
}
