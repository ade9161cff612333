// Fields of ConnectControl (planned).

import { z } from 'zod';
import { list, regexpField, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const connectControlSchema = plannedFilter({
  kind: 'ConnectControl',
  description: 'Disconnects MQTT clients by name or topic.',
  results: ['bannedClientOrTopicError'],
  spec: z.strictObject({
    bannedClients: list(text('Client.'), 10_000, 'Clients.').meta({ protects: true }).default([]),
    bannedClientRe: regexpField('Clients by expression.').meta({ protects: true }).optional(),
    bannedTopics: list(text('Topic.'), 10_000, 'Topics.').meta({ protects: true }).default([]),
    bannedTopicRe: regexpField('Topics by expression.').meta({ protects: true }).optional(),
  }),
});
