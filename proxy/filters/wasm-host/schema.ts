// Fields of WasmHost (planned).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { integer, map, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const wasmHostSchema = plannedFilter({
  kind: 'WasmHost',
  description: 'Runs a WebAssembly module.',
  results: ['outOfVM', 'wasmError', ...Array.from({ length: 9 }, (_, n) => `wasmResult${n + 1}`)],
  spec: z.strictObject({
    maxConcurrency: integer('Instances.', 1, 1024).default(10),
    code: requiredText('URL, file or base64 text.', 8_388_608),
    timeout: durationField('Bound on a run.').default('100ms'),
    parameters: map(text('Value.', 65_536), 256, 'Given to the module at start.').default({}),
  }),
});
