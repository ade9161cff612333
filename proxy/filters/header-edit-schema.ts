// Changes of a header list, applied in the order del, set, add.

import { z } from 'zod';
import { list, map, text } from '#proxy/primitives/fields.ts';

export const headerEditSchema = z
  .strictObject({
    del: list(text('Name.'), 64, 'Headers that are removed.').default([]),
    set: map(text('Value.', 8192), 64, 'Headers that are set.').default({}),
    add: map(text('Value.', 8192), 64, 'Headers that are added.').default({}),
  })
  .meta({ description: 'Changes of headers.' });
