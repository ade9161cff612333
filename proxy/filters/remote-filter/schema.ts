// Fields of RemoteFilter (planned).

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const remoteFilterSchema = plannedFilter({
  kind: 'RemoteFilter',
  description: 'Lets a server of yours change request and answer.',
  results: ['failed', 'responseAlready'],
  spec: z.strictObject({
    url: requiredText('Where it is asked.', 2048),
    timeout: durationField('Bound on asking.').optional(),
  }),
});
