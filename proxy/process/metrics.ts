// What /metrics shows. Whoever owns a number registers how it is read; nothing is kept here. Text in the format of
// Prometheus 0.0.4. The process's own figures come from prom-client, which is loaded on the first scrape only.

export interface MetricHelp {
  /** Whole name, with unit and, for a counter, `_total`. */
  readonly name: string;
  readonly help: string;
}

/** Label values and a number. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Writes whole families, header lines included. */
export type Collector = (out: string[]) => void;

export interface Metrics {
  gauge(metric: MetricHelp, read: () => number | Iterable<Sample>): void;
  counter(metric: MetricHelp, read: () => number | Iterable<Sample>): void;
  collect(collector: Collector): void;
  render(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(): Metrics {
  const collectors: Collector[] = [];
  const register = (type: 'gauge' | 'counter', metric: MetricHelp, read: () => number | Iterable<Sample>): void => {
    collectors.push((out) => {
      const value = read();
      const samples: Iterable<Sample> = typeof value === 'number' ? [[{}, value]] : value;
      familyHead(out, metric, type);
      for (const [labels, number] of samples) out.push(`${metric.name}${labelText(labels)} ${numberText(number)}\n`);
    });
  };
  return {
    gauge: (metric, read) => register('gauge', metric, read),
    counter: (metric, read) => register('counter', metric, read),
    collect: (collector) => void collectors.push(collector),
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    async render() {
      const out: string[] = [];
      for (const collector of collectors) collector(out);
      out.push(await processFigures());
      return out.join('');
    },
  };
}

export function familyHead(out: string[], metric: MetricHelp, type: 'gauge' | 'counter' | 'histogram'): void {
  out.push(`# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} ${type}\n`);
}

export function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

let figures: Promise<{ metrics(): Promise<string> }> | null = null;

async function processFigures(): Promise<string> {
  figures ??= import('prom-client').then((client) => {
    const registry = new client.Registry();
    client.collectDefaultMetrics({ register: registry });
    return registry;
  });
  return (await figures).metrics();
}
