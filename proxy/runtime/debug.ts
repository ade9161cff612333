// What the proxy shows of itself on its debug pages. Secrets are taken out here, where the schemas are known: those of
// the units, and those of each filter's own spec.

import type { WireUnit } from '#proxy/contract/messages.ts';
import { pipelineContent, unitKinds } from '#proxy/contract/units.ts';
import { filters } from '#proxy/filters/index.ts';
import { redact, redactedText } from '#proxy/primitives/redact.ts';
import { measure } from './measure.ts';
import type { Runtime } from './runtime.ts';
import { isUnitKind } from './unit-door.ts';

const defaultLimit = 1000;

/** `?name=` part of a name, `?kind=`, `?limit=`. */
export function describeUnits(runtime: Runtime, query: Readonly<Record<string, string>>): unknown {
  const { units } = runtime;
  const { name = '', kind = '', limit = '' } = query;
  const wanted = (unit: WireUnit): boolean => unit.name.includes(name) && (kind === '' || unit.kind === kind);
  const found = [...units.accepted.values()].filter(wanted);
  return {
    version: units.version,
    count: units.accepted.size,
    found: found.length,
    units: found.slice(0, Number(limit) || defaultLimit).map(redactUnit),
    rejected: [...units.rejected.values()]
      .filter(({ unit }) => wanted(unit))
      .map(({ unit, rejection }) => ({ name: unit.name, hash: unit.hash, diagnostics: rejection.diagnostics })),
  };
}

export function describeThreads(runtime: Runtime): unknown {
  const { threads, units } = runtime;
  return {
    version: units.version,
    ready: runtime.notReady() ?? true,
    stale: runtime.stale,
    serving: threads.serving,
    restarts: threads.restarts,
    diskFailures: runtime.diskFailures,
  };
}

/** Memory of the process and what is open in it, after a collection where Node was started with --expose-gc. */
export async function describeMemory({ threads }: Runtime, ownThreads: boolean): Promise<unknown> {
  const resources: Record<string, number> = {};
  let heapUsed = 0;
  for (const { heapUsed: heap = 0, ...counts } of [...(await threads.measure()), ...(ownThreads ? [measure()] : [])]) {
    heapUsed += heap;
    for (const [kind, count] of Object.entries(counts)) resources[kind] = (resources[kind] ?? 0) + count;
  }
  return { rss: process.memoryUsage.rss(), heapUsed, resources };
}

/** Ends the first data thread by an error that nobody catches. */
export function crashThread({ threads }: Runtime): unknown {
  threads.crash(0);
  return { thread: 0 };
}

export function redactUnit(unit: WireUnit): WireUnit {
  if (!isUnitKind(unit.kind)) return { ...unit, content: redactedText };
  const content = redact(unitKinds[unit.kind].content, unit.content);
  return { ...unit, content: unit.kind === 'pipeline' ? redactFilters(content) : content };
}

/** A filter of an unknown kind shows nothing, because nobody can say what in it is secret. */
function redactFilters(content: unknown): unknown {
  const parsed = pipelineContent.safeParse(content);
  if (!parsed.success) return redactedText;
  return {
    ...parsed.data,
    filters: parsed.data.filters.map((filter) => {
      const schema = filters.get(filter.kind)?.schema.spec;
      return { ...filter, spec: schema === undefined ? redactedText : redact(schema, filter.spec) };
    }),
  };
}
