// Fields of WAF (planned).

import { z } from 'zod';
import { requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const wafSchema = plannedFilter({
  kind: 'WAF',
  description: 'Refuses requests that a rule group finds dangerous.',
  results: ['noWAFControllerError', 'blocked', 'internalError', 'ruleGroupNotFoundError'],
  spec: z.strictObject({ ruleGroup: requiredText('Rule group.').meta({ protects: true }) }),
});
