// Which units are counted, and under which names people find them in the metrics.

import type { SeriesFamily } from '#proxy/process/series-table.ts';
import { upstreamReasons } from './failures.ts';

const families = {
  listener: { prefix: 'easegress_http', label: 'listener', what: 'that came in on the listener', bytes: true },
  owner: { prefix: 'easegress_owner', label: 'owner', what: 'whose host the owner claims', bytes: true },
  rule: { prefix: 'easegress_route', label: 'route', what: 'taken by the route', bytes: true },
  pipeline: { prefix: 'easegress_pipeline', label: 'pipeline', what: 'that went through the pipeline', bytes: true },
  upstream: {
    prefix: 'easegress_upstream',
    label: 'upstream',
    what: 'sent to the upstream',
    bytes: false,
    failures: upstreamReasons,
  },
} as const satisfies Record<string, SeriesFamily>;

export const seriesFamilies: readonly SeriesFamily[] = Object.values(families);

interface KindAndName {
  readonly kind: string;
  readonly name: string;
}

/** null for units that are not counted. */
export function familyOf(unit: KindAndName): SeriesFamily | null {
  return Object.hasOwn(families, unit.kind) ? families[unit.kind as keyof typeof families] : null;
}

/** The unit's name without its kind, which the family states already. */
export function labelOf(unit: KindAndName): string {
  const prefix = `${unit.kind}/`;
  return unit.name.startsWith(prefix) ? unit.name.slice(prefix.length) : unit.name;
}
