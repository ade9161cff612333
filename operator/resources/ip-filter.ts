// Which clients may pass, by address. Used by HTTPServer, its rules and its paths.

import { z } from 'zod';
import { cidrField, flag, list } from '#proxy/primitives/fields.ts';

export const ipFilterSchema = z
  .strictObject({
    blockByDefault: flag('Refuses addresses that no list names.').meta({ protects: true }).default(false),
    allowIPs: list(cidrField('An address or network.'), 10_000, 'When not empty, only these pass.')
      .meta({ protects: true })
      .default([]),
    blockIPs: list(cidrField('An address or network.'), 10_000, 'These are refused.')
      .meta({ protects: true })
      .default([]),
  })
  .meta({
    description:
      'Which client addresses may pass. The others get 403; on a rule or path, unless a later one lets the request in.',
    protects: true,
  });
