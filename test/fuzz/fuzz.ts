// `npm run fuzz -- --seconds N` (or --minutes N): first what was found before (cases/), then every valid message cut at
// every byte, senders that never stop, and then chance, for both protocols, until the time is over. What is found is written to cases/ and
// ends the run with 1.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Draw } from '#test/conformance/http/draw.ts';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import { checkEndless } from './endless.ts';
import { tryHttp2 } from './http2.ts';
import { checkCuts, checkWithNode, drawInput, type Input, validInputs } from './http1.ts';

const folder = path.join(import.meta.dirname, 'cases');
/** More would hide what the first ones say. */
const maxFindings = 10;
/** Memory after a collection may grow by so much between the first fifth of the time and the end. */
const maxGrowth = 1.2;

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } },
});
const seconds = values.minutes === undefined ? Number(values.seconds ?? 60) : Number(values.minutes) * 60;
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed}, ${seconds} s`);

const findings = [...checkEndless()];
for (const name of readdirSync(folder)) {
  const input = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Input;
  await look(input, checkCuts(input, null), `case ${name}`);
}
for (const input of validInputs()) await look(input, checkCuts(input, null), 'a valid message');

const draw = new Draw(seed);
const begun = performance.now();
let tried = 0;
let accepted = 0;
let early = 0;
let frames = 0;
while (performance.now() - begun < seconds * 1000 && findings.length < maxFindings) {
  for (let i = 0; i < 50; i++) {
    const wrong = await tryHttp2(draw);
    frames++;
    if (wrong !== '') findings.push(`HTTP/2 conversation ${frames} of seed ${seed}: ${wrong}`);
  }
  for (let i = 0; i < 50; i++) {
    const input = drawInput(draw);
    tried++;
    if (await look(input, checkCuts(input, draw), `input ${tried} of seed ${seed}`)) accepted++;
  }
  if (early === 0 && performance.now() - begun > seconds * 200) early = memory();
}
const growth = early === 0 ? 1 : memory() / early;
if (growth > maxGrowth) findings.push(`memory grew to ${growth.toFixed(2)} times what it was`);

for (const finding of findings) console.log(finding);
console.log(
  `http1: ${tried} inputs, ${accepted} with a message; http2: ${frames} conversations; ${findings.length} findings, memory × ${growth.toFixed(2)}`,
);
process.exit(findings.length === 0 ? 0 : 1);

function memory(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** True when there was a message to compare. */
async function look(input: Input, wrongCuts: string, where: string): Promise<boolean> {
  const wrong = wrongCuts === '' ? await withNode(input) : wrongCuts;
  if (wrong === null || wrong === '') return wrong === '';
  findings.push(`${where}: ${wrong}\n  ${JSON.stringify(input.text)}`);
  mkdirSync(folder, { recursive: true });
  const name = `${input.role}-${sha256(input.text).toString('hex', 0, 6)}.json`;
  writeFileSync(path.join(folder, name), `${JSON.stringify(input)}\n`);
  return true;
}

/** null when nothing was accepted. */
async function withNode(input: Input): Promise<string | null> {
  try {
    return await checkWithNode(input);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
