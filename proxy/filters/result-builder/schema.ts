// Fields of ResultBuilder (planned).

import { z } from 'zod';
import { plannedFilter } from '../planned-filter.ts';
import { templateFields } from '../template-schema.ts';

export const resultBuilderSchema = plannedFilter({
  kind: 'ResultBuilder',
  description: 'Makes a result, for jumps.',
  results: ['unknown', 'buildErr', ...Array.from({ length: 10 }, (_, n) => `result${n}`)],
  spec: z.strictObject(templateFields),
});
