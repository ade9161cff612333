// Rows that need what is not built yet. They count as not met; who builds the part moves them to a file of their group.

import type { LaterRow } from '../row.ts';

const http2 = 'HTTP/2';
const tls = 'TLS on listeners';
const cache = '`memoryCache`';

function rows(later: string, ...entries: readonly (readonly [row: number, id: string, source: string])[]): LaterRow[] {
  return entries.map(([row, id, source]) => ({ row, id, source, later }));
}

export const later: readonly LaterRow[] = [
  ...rows('PROXY protocol', [124, 'proxy-protocol', 'PROXY v1/v2']),
  ...rows(
    http2,
    [127, 'te-trailers-h2', '9113 8.2.2'],
    [128, 'H2-connection-hdr', '9113 8.2.2'],
    [129, 'H2-lf-in-value', '9113 8.2.1'],
    [130, 'H2-colon-name', '9113 8.2.1'],
    [131, 'H2-path-bad', '9113 8.3.1'],
    [132, 'H2-authority-host', '9113 8.3.1'],
    [133, 'H2-authority-at', '9113 8.3.1'],
    [134, 'H2-method-space', '9113 8.3'],
    [135, 'H2-scheme', '9113 8.3.1'],
    [136, 'H2-cl-mismatch', '9113 8.1.1'],
    [137, 'H2-cookie-crumbs', '9113 8.2.3'],
    [138, 'H2-trailers-pseudo', '9113 8.1'],
    [139, 'H2-connect', '9113 8.5'],
    [140, 'H2-goaway-drain', '9113 6.8'],
    [141, 'H2-push-off', '9113 8.4'],
    [142, 'H2-1xx', '9113 8.1'],
    [143, 'H2-reset-map', '9113 7'],
  ),
  ...rows(tls, [144, 'misdirected', '9110 15.5.20'], [145, 'early-data', '8470']),
  ...rows(cache, [147, 'age-sum', '9111 5.1'], [153, 'stale-if-error', '5861']),
];
