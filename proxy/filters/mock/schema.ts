// Fields of the Mock filter: answers by itself, by rule.

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { flag, list, map, statusCode, text } from '#proxy/primitives/fields.ts';
import { defineFilterSchema } from '../filter-schema.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';

const matchSchema = z
  .strictObject({
    path: text('The path equals this.', 4096).optional(),
    pathPrefix: text('The path begins with this.', 4096).optional(),
    headers: map(stringMatcherSchema, 64, 'Conditions on request headers, by name. Any one is enough.').default({}),
    matchAllHeaders: flag('All conditions of `headers` must hold.').default(false),
  })
  .meta({ description: 'Which requests the rule answers; an empty one answers all.' });

const spec = z.strictObject({
  rules: list(
    z.strictObject({
      match: matchSchema,
      code: statusCode('Status code of the answer.', 200),
      headers: map(text('Value.', 8192), 64, 'Headers of the answer.').default({}),
      body: text('Body of the answer.', 1_048_576).default(''),
      delay: durationField('Time to wait before the answer; absent = none.').optional(),
    }),
    256,
    'Tried in order; the first that fits answers.',
  ).default([]),
});

export const mockSchema = defineFilterSchema({
  kind: 'Mock',
  description: 'Answers by itself instead of a server, by rules on path and headers.',
  spec,
  results: ['mocked'],
  status: 'stable',
  untrusted: 'yes',
  since: '0.1.0',
  inactive: [],
});

export type MockSpec = z.infer<typeof spec>;
