// Signing and checking of requests, a generalised AWS Signature Version 4.

import { z } from 'zod';
import { durationField } from '#proxy/primitives/duration.ts';
import { flag, list, map, text } from '#proxy/primitives/fields.ts';

const literalSchema = z.strictObject({
  scopeSuffix: text('End of the scope.').default('request'),
  algorithmName: text('Name of the algorithm field.').default('X-Algorithm'),
  algorithmValue: text('Value of the algorithm field.').default('HMAC-SHA256'),
  signedHeaders: text('Name of the field of signed headers.').default('X-SignedHeaders'),
  signature: text('Name of the signature field.').default('X-Signature'),
  date: text('Name of the date field.').default('X-Date'),
  expires: text('Name of the expiry field.').default('X-Expires'),
  credential: text('Name of the credential field.').default('X-Credential'),
  contentSha256: text('Name of the body hash field.').default('X-Content-Sha256'),
  signingKeyPrefix: text('Text before the key.').default(''),
});

const hoistingSchema = z.strictObject({
  allowedPrefix: list(text('Prefix.'), 64, 'Prefixes that are hoisted.').default([]),
  disallowedPrefix: list(text('Prefix.'), 64, 'Prefixes that are not.').default([]),
  disallowed: list(text('Name.'), 64, 'Names that are not.').default([]),
});

export const signerFields = {
  accessKeyId: text('Key for signing.').optional(),
  accessKeySecret: text('Its secret.').meta({ secret: true }).optional(),
  accessKeys: map(text('Secret.').meta({ secret: true }), 1000, 'Keys for checking, with their secrets.')
    .meta({ secret: true })
    .optional(),
  ttl: durationField('Age that is accepted; 0 = any.').default('0s'),
  excludeBody: flag('The body is not signed.').default(false),
  ignoredHeaders: list(text('Name.'), 64, 'Headers that are not signed.').default([]),
  headerHoisting: hoistingSchema.meta({ description: 'Which headers go into the query.' }).optional(),
  literal: literalSchema.meta({ description: 'Names and texts of the scheme.' }).optional(),
};

export const signerSchema = z.strictObject(signerFields).meta({ description: 'Signature of a request.' });
