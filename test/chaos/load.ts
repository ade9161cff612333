// The clients of the chaos run. Each kind counts what it sent, what came back right, what was cut off, what was wrong.

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { expectedBody, slowByte } from './origin.ts';

export interface Tally {
  sent: number;
  ok: number;
  reset: number;
  wrong: number;
  /** The first few faults, for the person who reads a failed run. */
  readonly faults: string[];
}

export function newTally(): Tally {
  return { sent: 0, ok: 0, reset: 0, wrong: 0, faults: [] };
}

export interface LoadPlan {
  readonly port: number;
  readonly keepAlive: number;
  readonly perRequest: number;
  readonly webSockets: number;
  readonly downloads: number;
  /** Pause between two requests of one client, so that load leaves the cores some air. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** True while a cut connection is to be expected (a process was killed): the client tries again, uncounted. */
  readonly forgiving: () => boolean;
}

/** Runs all clients until the signal fires and every one has finished what it had begun. */
export async function runLoad(
  plan: LoadPlan,
): Promise<Record<'keepAlive' | 'perRequest' | 'webSockets' | 'downloads', Tally>> {
  const tallies = { keepAlive: newTally(), perRequest: newTally(), webSockets: newTally(), downloads: newTally() };
  const clients = [
    ...times(plan.keepAlive, (i) =>
      requests(plan, tallies.keepAlive, i, new Agent({ keepAlive: true, maxSockets: 1 })),
    ),
    ...times(plan.perRequest, (i) => requests(plan, tallies.perRequest, i + 10_000, null)),
    ...times(plan.webSockets, () => messages(plan, tallies.webSockets)),
    ...times(plan.downloads, () => downloads(plan, tallies.downloads)),
  ];
  await Promise.all(clients);
  return tallies;
}

function times(count: number, start: (i: number) => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, (_, i) => start(i));
}

async function requests(plan: LoadPlan, tally: Tally, seed: number, agent: Agent | null): Promise<void> {
  for (let n = seed; !plan.signal.aborted; n += 7919) {
    const key = n % 100_000;
    const body = key % 5 === 0 ? expectedBody(key) : null;
    await one(plan, tally, async () => {
      const got = await exchange(plan.port, body === null ? `/k/${key}` : '/echo', body, agent);
      return got.status === 200 && got.body === expectedBody(key)
        ? null
        : `status ${got.status}, ${got.body.length} bytes for ${key}`;
    });
    await sleep(plan.pauseMs);
  }
  agent?.destroy();
}

async function messages(plan: LoadPlan, tally: Tally): Promise<void> {
  while (!plan.signal.aborted) {
    const socket = new WebSocket(`ws://127.0.0.1:${plan.port}/ws`);
    try {
      await event(socket, 'open');
      for (let n = 0; !plan.signal.aborted; n++) {
        await one(plan, tally, async () => {
          const text = expectedBody(n % 1000);
          const answered = event(socket, 'message');
          socket.send(text);
          return String(await answered) === text ? null : 'the echo differs';
        });
        await sleep(50);
        // One that was closed meanwhile has told so already; nobody would answer.
        if (socket.readyState !== WebSocket.OPEN) break;
      }
    } catch (error) {
      if (!plan.forgiving()) note(tally, 'reset', `WebSocket: ${String(error)}`);
      await sleep(100);
    } finally {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
    }
  }
}

async function downloads(plan: LoadPlan, tally: Tally): Promise<void> {
  const bytes = 256 * 1024;
  while (!plan.signal.aborted) {
    await one(plan, tally, async () => {
      const got = await exchange(plan.port, `/slow/${bytes}`, null, null);
      return isDownload(got.body, bytes) ? null : `a download of ${got.body.length} bytes`;
    });
  }
}

function isDownload(text: string, bytes: number): boolean {
  if (text.length !== bytes) return false;
  for (let at = 0; at < bytes; at++) if (text.charCodeAt(at) !== slowByte(at)) return false;
  return true;
}

/** `attempt` gives null when all is right, else what was wrong; it throws when the connection was cut. */
async function one(plan: LoadPlan, tally: Tally, attempt: () => Promise<string | null>): Promise<void> {
  const forgivenBefore = plan.forgiving();
  let outcome: 'ok' | 'reset' | 'wrong' = 'ok';
  let text = '';
  try {
    const fault = await attempt();
    if (fault !== null) [outcome, text] = ['wrong', fault];
  } catch (error) {
    [outcome, text] = ['reset', String(error)];
  }
  if (outcome === 'reset' && (forgivenBefore || plan.forgiving())) return;
  tally.sent++;
  if (outcome === 'ok') tally.ok++;
  else note(tally, outcome, text);
}

function note(tally: Tally, outcome: 'reset' | 'wrong', text: string): void {
  tally[outcome]++;
  if (tally.faults.length < 10) tally.faults.push(`${new Date().toISOString()} ${outcome}: ${text}`);
}

function exchange(
  port: number,
  target: string,
  body: string | null,
  agent: Agent | null,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sending = request(
      {
        host: '127.0.0.1',
        port,
        path: target,
        method: body === null ? 'GET' : 'POST',
        agent: agent ?? false,
        headers: { host: 'chaos.test' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
        response.on('aborted', () => reject(new Error('the answer was cut off')));
      },
    );
    sending.setTimeout(60_000, () => sending.destroy(new Error('no answer within 60 s')));
    sending.on('error', reject);
    sending.end(body ?? undefined);
  });
}

function event(socket: WebSocket, name: 'open' | 'message'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cleanUp = (): void => {
      socket.off(name, done);
      socket.off('error', failed);
      socket.off('close', closed);
    };
    const done = (value: unknown): void => {
      cleanUp();
      resolve(value);
    };
    const failed = (error: Error): void => {
      cleanUp();
      reject(error);
    };
    const closed = (code: number): void => failed(new Error(`closed with ${code}`));
    socket.on(name, done);
    socket.on('error', failed);
    socket.on('close', closed);
  });
}
