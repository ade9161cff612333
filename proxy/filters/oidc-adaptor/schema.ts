// Fields of OIDCAdaptor (planned).

import { z } from 'zod';
import { requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const oidcAdaptorSchema = plannedFilter({
  kind: 'OIDCAdaptor',
  description: 'Sends people without a session to log in by OpenID Connect.',
  results: ['oidcFiltered'],
  spec: z.strictObject({
    cookieName: text('Cookie of the session.').optional(),
    clientId: requiredText('Client.'),
    clientSecret: requiredText('Its secret.').meta({ secret: true }),
    discovery: text('URL of the discovery document.', 2048).optional(),
    authorizationEndpoint: text('URL.', 2048).optional(),
    tokenEndpoint: text('URL.', 2048).optional(),
    userinfoEndpoint: text('URL.', 2048).optional(),
    redirectURI: requiredText('Where people come back to.', 2048),
  }),
});
