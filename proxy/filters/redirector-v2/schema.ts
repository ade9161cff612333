// Fields of RedirectorV2 (planned).

import { z } from 'zod';
import { integer, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const redirectorV2Schema = plannedFilter({
  kind: 'RedirectorV2',
  description: 'Redirects to another scheme, host, port or path.',
  results: ['redirected'],
  spec: z.strictObject({
    scheme: text('Scheme.', 16).optional(),
    hostname: text('Host.', 253).optional(),
    path: z
      .strictObject({
        type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']).meta({ description: 'What is replaced.' }),
        replaceFullPath: text('Whole path.', 2048).optional(),
        replacePrefixMatch: text('New prefix.', 2048).optional(),
      })
      .meta({ description: 'Change of the path.' })
      .optional(),
    port: integer('Port.', 1, 65_535).optional(),
    statusCode: integer('Status code.', 300, 308).default(302),
  }),
});
