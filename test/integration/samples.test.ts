import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { get, type Answer } from '#test/support/answers.ts';
import { startEchoUpstream } from '#test/support/echo-upstream.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld, type World } from '#test/support/world.ts';

// Every sample is served, and every `curl` line in its head does what stands beside it. Only the ports are others.

const folder = path.join(import.meta.dirname, '..', '..', 'config', 'samples');
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const rest = new AsyncDisposableStack();
let world: World;
let port = 0;

beforeAll(async () => {
  port = await reservePort();
  const ports = new Map([['8080', port]]);
  for (const echo of ['9001', '9002', '9003']) ports.set(echo, rest.use(await startEchoUpstream(echo)).port);
  const text = (name: string): string =>
    readFileSync(path.join(folder, name), 'utf8').replace(/\b(8080|900[123])\b/g, (found) => String(ports.get(found)));
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
      const answer = await world.ask(port, line.request);
      for (const fits of expectations(line.beside)) fits(answer);
    },
  );
});

interface Curl {
  readonly text: string;
  readonly request: string;
  /** What the sample says about the answer. */
  readonly beside: string;
}

function curls(name: string): Curl[] {
  const lines = readFileSync(path.join(folder, name), 'utf8').matchAll(/^# +(curl .*)$/gm);
  return [...lines].map(([, line = '']) => {
    const [text = '', beside = ''] = line.split(/ {2,}/);
    const url = URL.parse(/http:\/\/[^\s']+/.exec(text)?.[0] ?? '');
    if (url === null) throw new Error(`no URL in ${line}`);
    const fields = [...text.matchAll(/-H '([^']*)'/g)].map(([, field = '']) => field);
    const method = /-X ([A-Z]+)/.exec(text)?.[1] ?? 'GET';
    const request = get(`${url.pathname}${url.search}`, url.hostname, ...fields).replace(/^GET/, method);
    return { text, request, beside };
  });
}

function expectations(beside: string): ((answer: Answer) => void)[] {
  const status = Number(/^(\d{3}):/.exec(beside)?.[1] ?? 200);
  const sees = /server sees (\S+)/.exec(beside)?.[1];
  const server = /^server (\d+)/.exec(beside)?.[1];
  const all = [(answer: Answer) => expect(answer.status).toBe(status)];
  if (sees !== undefined) all.push(({ body }) => expect(JSON.parse(body)).toMatchObject({ url: sees }));
  if (server !== undefined) all.push(({ body }) => expect(JSON.parse(body)).toMatchObject({ server }));
  return all;
}
