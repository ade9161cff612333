// Fields of CertExtractor (planned).

import { z } from 'zod';
import { integer, requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

const fields = [
  'Country',
  'Organization',
  'OrganizationalUnit',
  'Locality',
  'Province',
  'StreetAddress',
  'PostalCode',
  'SerialNumber',
  'CommonName',
] as const;

export const certExtractorSchema = plannedFilter({
  kind: 'CertExtractor',
  description: 'Puts a field of the client certificate into a header.',
  results: [],
  spec: z.strictObject({
    certIndex: integer('Place in the chain; negative = from its end.', -32_768, 32_767),
    target: z.enum(['subject', 'issuer']).meta({ description: 'Whose name.' }),
    field: z.enum(fields).meta({ description: 'Which part of it.' }),
    headerKey: requiredText('Header.'),
  }),
});
