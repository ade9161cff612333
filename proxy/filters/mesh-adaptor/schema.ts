// Fields of MeshAdaptor (planned).

import { z } from 'zod';
import { flag, integer, list, map, text } from '#proxy/primitives/fields.ts';
import { headerEditSchema } from '../header-edit-schema.ts';
import { plannedFilter } from '../planned-filter.ts';
import { stringMatcherSchema } from '../string-matcher-schema.ts';

const matcherSchema = z.strictObject({
  policy: text('Policy.', 64).optional(),
  headers: map(stringMatcherSchema, 64, 'Conditions on headers.').default({}),
  matchAllHeaders: flag('All must hold.').default(false),
  permil: integer('Requests out of 1000.', 1, 1000).optional(),
  headerHashKey: text('Header.').optional(),
});

export const meshAdaptorSchema = plannedFilter({
  kind: 'MeshAdaptor',
  description: 'Marks requests of a canary in the mesh.',
  results: [],
  spec: z.strictObject({
    serviceCanaries: list(
      z.strictObject({
        header: headerEditSchema,
        filter: matcherSchema.meta({ description: 'Which requests.' }),
      }),
      256,
      'The first that fits is applied.',
    ).min(1),
  }),
});
