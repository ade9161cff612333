// Fields of AIGatewayProxy (planned).

import { z } from 'zod';
import { list, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const aiGatewayProxySchema = plannedFilter({
  kind: 'AIGatewayProxy',
  description: 'Sends requests to a provider of language models.',
  results: [
    'internalError',
    'clientError',
    'serverError',
    'failureCodeError',
    'providerError',
    'middlewareError',
    'noAIGatewayControllerError',
  ],
  spec: z.strictObject({
    providerName: requiredText('Provider.'),
    middlewares: list(text('Middleware.'), 32, 'What runs before it.').default([]),
  }),
});
