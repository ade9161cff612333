// Fields of HeaderToJSON (planned).

import { z } from 'zod';
import { list, requiredText } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

export const headerToJsonSchema = plannedFilter({
  kind: 'HeaderToJSON',
  description: 'Copies headers into the JSON body.',
  results: ['jsonEncodeDecodeErr', 'bodyReadErr'],
  spec: z.strictObject({
    headerMap: list(
      z.strictObject({ header: requiredText('Header.'), json: requiredText('Property.') }),
      256,
      'What goes where.',
    ).min(1),
  }),
});
