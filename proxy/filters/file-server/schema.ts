// Fields of FileServer (planned).

import { z } from 'zod';
import { integer, list, requiredText, text } from '#proxy/primitives/fields.ts';
import { plannedFilter } from '../planned-filter.ts';

const cacheSchema = z.strictObject({
  bufferPoolSize: integer('Bytes in all.', 0, Number.MAX_SAFE_INTEGER).default(2_147_483_648),
  bufferPoolMaxFileSize: integer('Largest file that is kept.', 0, Number.MAX_SAFE_INTEGER).default(10_485_760),
  bufferPoolTTL: integer('Seconds that a file is kept.', 0, 86_400_000).default(600),
  cacheFileExtensionFilters: list(
    z.strictObject({
      extension: text('Extensions.'),
      etagMaxAge: integer('Seconds that clients may keep it.', 0, 86_400_000).default(3600),
    }),
    64,
    'Which files.',
  ).default([]),
});

export const fileServerSchema = plannedFilter({
  kind: 'FileServer',
  description: 'Serves files.',
  results: ['internalError', 'serverError', 'clientError'],
  spec: z.strictObject({
    root: requiredText('Folder.', 4096),
    index: list(text('File.'), 16, 'Files that stand for a folder.').default(['index.html', 'index.txt']),
    hidden: list(text('Glob.'), 256, 'Files that are not shown.').default([]),
    tryFiles: list(text('Path.', 4096), 32, 'Tried in order.').default([]),
    rewrite: text('Expression and target.', 4096).optional(),
    precompressed: list(text('Form.', 16), 8, 'Forms that lie beside the file.').default([]),
    compress: list(text('Form.', 16), 8, 'Forms made on the way.').default([]),
    cache: cacheSchema.meta({ description: 'Files in memory.' }).optional(),
  }),
});
