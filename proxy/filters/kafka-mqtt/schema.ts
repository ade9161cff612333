// Fields of KafkaMQTT (planned).

import { z } from 'zod';
import { text } from '#proxy/primitives/fields.ts';
import { kafkaBackend, kafkaChoiceSchema } from '../kafka-schema.ts';
import { plannedFilter } from '../planned-filter.ts';

export const kafkaMqttSchema = plannedFilter({
  kind: 'KafkaMQTT',
  description: 'Sends MQTT messages to Kafka.',
  results: ['getDataFailed'],
  spec: z.strictObject({
    backend: kafkaBackend,
    topic: kafkaChoiceSchema.meta({ description: 'Topic.' }).optional(),
    mqtt: z
      .strictObject({
        topicKey: text('Data that holds the topic.').optional(),
        headerKey: text('Data that holds the headers.').optional(),
        payloadKey: text('Data that holds the payload.').optional(),
      })
      .meta({ description: 'Where TopicMapper has put what is sent.' })
      .optional(),
  }),
});
