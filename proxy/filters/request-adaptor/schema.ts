// Fields of RequestAdaptor (planned).

import { z } from 'zod';
import { list, regexpField, text } from '#proxy/primitives/fields.ts';
import { headerEditSchema } from '../header-edit-schema.ts';
import { plannedFilter } from '../planned-filter.ts';
import { signerFields } from '../signer-schema.ts';
import { templateFields } from '../template-schema.ts';

const pathSchema = z.strictObject({
  replace: text('The whole path.', 2048).optional(),
  addPrefix: text('Text put before it.', 2048).optional(),
  trimPrefix: text('Text taken from its beginning.', 2048).optional(),
  regexpReplace: z
    .strictObject({ regexp: regexpField('Expression.'), replace: text('Replacement.', 2048) })
    .meta({ description: 'Replaces every match.' })
    .optional(),
});

export const requestAdaptorSchema = plannedFilter({
  kind: 'RequestAdaptor',
  description: 'Changes the request.',
  results: ['decompressFailed', 'compressFailed'],
  spec: z.strictObject({
    host: text('Host.').optional(),
    method: text('Method.', 32).optional(),
    path: pathSchema.meta({ description: 'Change of the path.' }).optional(),
    header: headerEditSchema.optional(),
    body: text('Body.', 1_048_576).optional(),
    compress: z.enum(['', 'gzip']).meta({ description: 'Compresses the body.' }).optional(),
    decompress: z.enum(['', 'gzip']).meta({ description: 'Decompresses the body.' }).optional(),
    sign: z
      .strictObject({
        ...signerFields,
        apiProvider: z.enum(['', 'aws4']).meta({ description: 'Ready-made scheme.' }).optional(),
        scopes: list(text('Scope.'), 16, 'Scopes.').default([]),
      })
      .meta({ description: 'Signs the request.' })
      .optional(),
    ...templateFields,
  }),
});
