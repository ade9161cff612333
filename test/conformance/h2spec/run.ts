// The suite `h2spec`: what it says of a listener that answers at once, in cleartext by prior knowledge, strict cases
// included. It judges the server role only.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { BufferBody } from '#proxy/exchange/body.ts';
import type { Exchange } from '#proxy/exchange/exchange.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { connectionLimits } from '#proxy/http1/limits.ts';
import { openListener } from '#proxy/listeners/listener.ts';
import { listenerContent } from '#test/support/listener-content.ts';
import type { Suite, SuiteResult } from '../suite.ts';

const run = promisify(execFile);
const installer = path.join(import.meta.dirname, '../../../hack/conformance/h2spec.sh');
const bar = 146;
const body = Buffer.from('twenty bytes of body');

export const h2spec: Suite = {
  name: 'h2spec',
  async run({ only }): Promise<SuiteResult> {
    const { stdout: installed } = await run(installer);
    const listener = await openListener({
      content: listenerContent(),
      handler: answer,
      limits: connectionLimits,
      reusePort: false,
      connections: new Int32Array(new SharedArrayBuffer(4)),
    });
    const cases = [
      '-h',
      '127.0.0.1',
      '-p',
      String(listener.port),
      '-S',
      '-o',
      '2',
      ...(only === undefined ? [] : [only]),
    ];
    const report = await output(installed.trim(), cases);
    await listener.close();
    return read(report, only === undefined);
  },
};

function answer(exchange: Exchange): void {
  const respond = (): void =>
    exchange.respond({ status: 200, reason: '', headers: new HeaderList() }, new BufferBody(body));
  if (exchange.body === null) respond();
  else exchange.body.start({ chunk() {}, end: respond, error() {} });
}

/** It exits 1 when a case has failed. */
async function output(command: string, argv: readonly string[]): Promise<string> {
  try {
    return (await run(command, argv, { maxBuffer: 1 << 24 })).stdout;
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && String(error.stdout) !== '') return String(error.stdout);
    throw error;
  }
}

function read(report: string, all: boolean): SuiteResult {
  const counts = /(\d+) tests, (\d+) passed/.exec(report);
  if (counts === null) throw new Error(`h2spec said nothing that can be read:\n${report}`);
  const of = Number(counts[1]);
  const passed = Number(counts[2]);
  const failures = report
    .slice(report.indexOf('Failures:') + 'Failures:'.length)
    .split('\n')
    .filter((line) => line.includes('×'))
    .map((line) => line.trim());
  if (passed < of && failures.length === 0) failures.push(`${of - passed} cases failed`);
  if (all && of < bar) failures.push(`only ${of} cases ran`);
  return { passed, of, bar: all ? bar : of, failures };
}
