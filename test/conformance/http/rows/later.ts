// Rows that need what is not built yet. They count as not met; who builds the part moves them to a file of their group.

import type { LaterRow } from '../row.ts';

const tls = 'TLS on listeners';
const cache = '`memoryCache`';

function rows(later: string, ...entries: readonly (readonly [row: number, id: string, source: string])[]): LaterRow[] {
  return entries.map(([row, id, source]) => ({ row, id, source, later }));
}

export const later: readonly LaterRow[] = [
  ...rows(
    'HTTP/2 to the origin',
    [127, 'te-trailers-h2', '9113 8.2.2'],
    [141, 'H2-push-off', '9113 8.4'],
    [143, 'H2-reset-map', '9113 7'],
  ),
  ...rows('a gateway of its own that drains', [140, 'H2-goaway-drain', '9113 6.8']),
  ...rows(tls, [144, 'misdirected', '9110 15.5.20'], [145, 'early-data', '8470']),
  ...rows(cache, [147, 'age-sum', '9111 5.1'], [153, 'stale-if-error', '5861']),
];
