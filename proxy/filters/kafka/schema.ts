// Fields of Kafka (planned).

import { z } from 'zod';
import { flag } from '#proxy/primitives/fields.ts';
import { kafkaBackend, kafkaChoiceSchema } from '../kafka-schema.ts';
import { plannedFilter } from '../planned-filter.ts';

export const kafkaSchema = plannedFilter({
  kind: 'Kafka',
  description: 'Sends the body of the request to Kafka.',
  results: ['parseErr'],
  spec: z.strictObject({
    backend: kafkaBackend,
    topic: kafkaChoiceSchema.meta({ description: 'Topic.' }),
    key: kafkaChoiceSchema.meta({ description: 'Key.' }).optional(),
    sync: flag('Waits for the broker and answers.').default(false),
  }),
});
