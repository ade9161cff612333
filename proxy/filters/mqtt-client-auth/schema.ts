// Fields of MQTTClientAuth (planned).

import { z } from 'zod';
import { list, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const mqttClientAuthSchema = plannedFilter({
  kind: 'MQTTClientAuth',
  description: 'Refuses MQTT clients without a known password.',
  results: ['AuthFail'],
  spec: z.strictObject({
    salt: text('Salt.').meta({ secret: true }).default(''),
    auth: list(
      z.strictObject({
        username: requiredText('User.'),
        saltedSha256Pass: requiredText('Hash of password and salt, in hex.').meta({ secret: true }),
      }),
      100_000,
      'Users.',
    )
      .min(1)
      .meta({ protects: true }),
  }),
});
