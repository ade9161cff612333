// Fields of Validator (planned).

import { z } from 'zod';
import { base64Field, flag, integer, list, map, regexpField, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';
import { signerSchema } from '../signer-schema.ts';

const algorithms = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;
const secretText = (description: string) => text(description, 16_384).meta({ secret: true });

const jwtSchema = z.strictObject({
  algorithm: z.enum(algorithms).meta({ description: 'Algorithm.' }),
  secret: secretText('Secret, in hex.').optional(),
  publicKey: text('Public key, PEM in hex.', 65_536).optional(),
  cookieName: text('Cookie that holds the token.').optional(),
});

const oauth2Schema = z.strictObject({
  tokenIntrospect: z
    .strictObject({
      endPoint: requiredText('URL.', 2048),
      clientId: text('Client.').optional(),
      clientSecret: secretText('Its secret.').optional(),
      basicAuth: secretText('Value of basic authentication.').optional(),
      insecureTls: flag('Certificates are not checked.').default(false),
    })
    .meta({ description: 'Asks the authorisation server.' })
    .optional(),
  jwt: jwtSchema.meta({ description: 'Checks the token itself.' }).optional(),
});

const ldapSchema = z.strictObject({
  host: requiredText('Host.'),
  port: integer('Port.', 1, 65_535),
  baseDN: text('Base.').optional(),
  uid: text('Attribute of the user.').optional(),
  useSSL: flag('TLS.').default(false),
  skipTLS: flag('Without StartTLS.').default(false),
  insecure: flag('Certificates are not checked.').default(false),
  serverName: text('Name in the certificate.').optional(),
  certBase64: base64Field('Client certificate.').optional(),
  keyBase64: base64Field('Its key.').meta({ secret: true }).optional(),
});

const basicAuthSchema = z.strictObject({
  mode: z.enum(['FILE', 'ETCD', 'LDAP']).meta({ description: 'Where users are.' }),
  userFile: text('Password file.', 4096).optional(),
  etcdPrefix: text('Prefix in custom data.').optional(),
  ldap: ldapSchema.meta({ description: 'Directory.' }).optional(),
});

const headerSchema = z.strictObject({
  values: list(text('Value.', 4096), 128, 'Values that fit.').default([]),
  regexp: regexpField('Expression.').optional(),
});

export const validatorSchema = plannedFilter({
  kind: 'Validator',
  description: 'Refuses requests that are not authenticated.',
  results: ['invalid'],
  spec: z.strictObject({
    headers: map(headerSchema, 64, 'Headers that must be there.').meta({ protects: true }).optional(),
    jwt: jwtSchema.meta({ description: 'JSON Web Token.', protects: true }).optional(),
    signature: signerSchema.meta({ protects: true }).optional(),
    oauth2: oauth2Schema.meta({ description: 'OAuth 2.', protects: true }).optional(),
    basicAuth: basicAuthSchema.meta({ description: 'Basic authentication.', protects: true }).optional(),
  }),
});
