// Fields of ResponseAdaptor (planned).

import { z } from 'zod';
import { text } from '#proxy/primitives/fields.ts';
import { headerEditSchema } from '../header-edit-schema.ts';
import { plannedFilter } from '../planned-filter.ts';
import { templateFields } from '../template-schema.ts';

export const responseAdaptorSchema = plannedFilter({
  kind: 'ResponseAdaptor',
  description: 'Changes the answer.',
  results: ['responseNotFound', 'compressFailed', 'decompressFailed'],
  spec: z.strictObject({
    header: headerEditSchema.optional(),
    body: text('Body.', 1_048_576).optional(),
    compress: z.enum(['', 'gzip']).meta({ description: 'Compresses the body.' }).optional(),
    decompress: z.enum(['', 'gzip']).meta({ description: 'Decompresses the body.' }).optional(),
    ...templateFields,
  }),
});
