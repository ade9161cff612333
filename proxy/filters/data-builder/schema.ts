// Fields of DataBuilder (planned).

import { z } from 'zod';
import { requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { templateFields } from '../template-schema.ts';

export const dataBuilderSchema = plannedFilter({
  kind: 'DataBuilder',
  description: 'Makes a value for later templates.',
  results: ['buildErr'],
  spec: z.strictObject({ dataKey: requiredText('Name below `.data`.'), ...templateFields }),
});
