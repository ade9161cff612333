// Fields of RequestBuilder (planned).

import { z } from 'zod';
import { text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { templateFields } from '../template-schema.ts';

export const requestBuilderSchema = plannedFilter({
  kind: 'RequestBuilder',
  description: 'Makes a request from a template or another namespace.',
  results: ['buildErr'],
  spec: z.strictObject({
    protocol: z.enum(['http']).meta({ description: 'Protocol.' }).default('http'),
    sourceNamespace: text('Namespace whose request is taken.', 256).optional(),
    ...templateFields,
  }),
});
