// Fields that the Kafka filters share.

import { z } from 'zod';
import { list, requiredText, text } from '#proxy/primitives/fields.ts';

export const kafkaBackend = list(requiredText('host:port'), 64, 'Brokers.').min(1);

export const kafkaChoiceSchema = z
  .strictObject({
    default: text('Used when nothing else is.').optional(),
    dynamic: z
      .strictObject({ header: text('Header that states it.').optional() })
      .meta({ description: 'From the request.' })
      .optional(),
  })
  .meta({ description: 'A fixed text, or one from a header.' });
