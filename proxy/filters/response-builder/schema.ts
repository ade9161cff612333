// Fields of ResponseBuilder (planned).

import { z } from 'zod';
import { text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { templateFields } from '../template-schema.ts';

export const responseBuilderSchema = plannedFilter({
  kind: 'ResponseBuilder',
  description: 'Makes a response from a template or another namespace.',
  results: ['buildErr'],
  spec: z.strictObject({
    protocol: z.enum(['http']).meta({ description: 'Protocol.' }).default('http'),
    sourceNamespace: text('Namespace whose response is taken.', 256).optional(),
    ...templateFields,
  }),
});
