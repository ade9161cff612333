// Fields of OPAFilter (planned).

import { z } from 'zod';
import { flag, requiredText, statusCode, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const opaFilterSchema = plannedFilter({
  kind: 'OPAFilter',
  description: 'Refuses requests that a Rego policy does not allow.',
  results: ['opaDenied'],
  spec: z.strictObject({
    defaultStatus: statusCode('Status code of a refusal.').default(403),
    includedHeaders: text('Headers the policy sees, with commas.', 4096).default(''),
    readBody: flag('The policy sees the body.').default(false),
    policy: requiredText('Policy in Rego, package `http`.', 262_144),
  }),
});
