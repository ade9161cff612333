// Fields of TopicMapper (planned).

import { z } from 'zod';
import { integer, list, map, regexpField, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

const policySchema = z.strictObject({
  name: requiredText('Name.'),
  topicIndex: integer('Level that is compared.', 0, 1000),
  route: list(
    z.strictObject({ topic: requiredText('Topic.'), exprs: list(regexpField('Expression.'), 64, 'Any one.') }),
    256,
    'Topics by expression.',
  ),
  headers: map(text('Header.'), 64, 'Headers by level.').default({}),
});

export const topicMapperSchema = plannedFilter({
  kind: 'TopicMapper',
  description: 'Maps MQTT topics to others.',
  results: ['MQTTTopicMapFailed'],
  spec: z.strictObject({
    matchIndex: integer('Level that chooses a policy.', 0, 1000),
    route: list(
      z.strictObject({ name: requiredText('Policy.'), matchExpr: regexpField('Expression.') }),
      256,
      'Policies by expression.',
    ),
    policies: list(policySchema, 256, 'Policies.'),
    setKV: z
      .strictObject({
        topic: text('Name for the topic.').optional(),
        headers: text('Name for the headers.').optional(),
      })
      .meta({ description: 'Where the outcome is put.' })
      .optional(),
  }),
});
