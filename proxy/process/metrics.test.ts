import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { SeriesPages, addOne, cell, count, pageBytes, slotsPerPage } from './series.ts';
import { SeriesTable, type SeriesFamily } from './series-table.ts';

const route: SeriesFamily = { prefix: 'easegress_route', label: 'route', what: 'taken by the route', bytes: true };
const upstream: SeriesFamily = {
  prefix: 'easegress_upstream',
  label: 'upstream',
  what: 'sent to the upstream',
  bytes: false,
  failures: ['Refused', 'Late'],
};

function createTable(cap = 1000, threads = 2): { table: SeriesTable; clock: { now: number }; pages: SeriesPages[] } {
  const clock = { now: 0 };
  const table = new SeriesTable(threads, { families: [route, upstream], cap, keepMs: 300_000, now: () => clock.now });
  const pages = Array.from({ length: threads }, (_, index) => {
    const [first = new SharedArrayBuffer(pageBytes)] = table.pages(index);
    return new SeriesPages(first);
  });
  return { table, clock, pages };
}

/** What main and a thread do for a new unit. */
function add(world: ReturnType<typeof createTable>, name: string, family = route): void {
  const slot = world.table.assign(name, family, name);
  if (slot === null) return;
  world.pages.forEach((pages, thread) => {
    world.table.pages(thread).forEach((page, index) => pages.addPage(index, page));
    pages.assign(name, slot);
  });
}

function text(table: SeriesTable): string {
  const out: string[] = [];
  table.collect(out);
  return out.join('');
}

const ok = { status: 200, durationMs: 7, bytesIn: 100, bytesOut: 1000 };

describe('request counters', () => {
  it('sums what all threads counted', () => {
    const world = createTable();
    add(world, 'a');
    for (const pages of world.pages) count(pages.handle('a'), ok);
    count((world.pages[0] as SeriesPages).handle('a'), { status: 503, durationMs: 20_000, bytesIn: 1, bytesOut: 2 });
    const lines = text(world.table).split('\n');
    expect(lines).toContain('easegress_route_requests_total{route="a",code_class="2xx"} 2');
    expect(lines).toContain('easegress_route_requests_total{route="a",code_class="5xx"} 1');
    expect(lines).toContain('easegress_route_request_duration_seconds_bucket{route="a",le="0.005"} 0');
    expect(lines).toContain('easegress_route_request_duration_seconds_bucket{route="a",le="0.01"} 2');
    expect(lines).toContain('easegress_route_request_duration_seconds_bucket{route="a",le="10"} 2');
    expect(lines).toContain('easegress_route_request_duration_seconds_bucket{route="a",le="+Inf"} 3');
    expect(lines).toContain('easegress_route_request_duration_seconds_count{route="a"} 3');
    expect(lines).toContain('easegress_route_received_bytes_total{route="a"} 201');
    expect(lines).toContain('easegress_route_sent_bytes_total{route="a"} 2002');
  });

  it('counts a request without an answer as none', () => {
    const world = createTable();
    add(world, 'a');
    count((world.pages[0] as SeriesPages).handle('a'), { ...ok, status: 0 });
    expect(text(world.table)).toContain('easegress_route_requests_total{route="a",code_class="none"} 1');
  });

  it('keeps families apart and leaves out names without requests', () => {
    const world = createTable();
    add(world, 'a', route);
    add(world, 'b', upstream);
    count((world.pages[1] as SeriesPages).handle('b'), ok);
    const page = text(world.table);
    expect(page).toContain('easegress_upstream_requests_total{upstream="b",code_class="2xx"} 1');
    expect(page).not.toContain('route="');
  });

  it('shows of the reasons of failure those that occurred, and forgets them with the name', () => {
    const world = createTable();
    add(world, 'a', upstream);
    for (const pages of world.pages) {
      count(pages.handle('a'), { ...ok, status: 0 });
      addOne(pages.handle('a'), cell.failure + 1);
    }
    const failures = (): string[] =>
      text(world.table)
        .split('\n')
        .filter((line) => line.startsWith('easegress_upstream_failures_total{'));
    expect(failures()).toEqual(['easegress_upstream_failures_total{upstream="a",reason="Late"} 2']);
    world.table.remove('a');
    world.clock.now += 300_000;
    expect(world.table.expire()).toEqual(['a']);
    add(world, 'b', upstream);
    count((world.pages[0] as SeriesPages).handle('b'), ok);
    expect(failures()).toEqual([]);
  });

  it('takes as many pages as there are names', () => {
    const world = createTable(3 * slotsPerPage);
    for (let i = 0; i < 2.5 * slotsPerPage; i++) add(world, `r${i}`);
    const last = `r${2.5 * slotsPerPage - 1}`;
    count((world.pages[0] as SeriesPages).handle(last), ok);
    expect(world.table.pages(0).length).toBe(3);
    expect(text(world.table)).toContain(`easegress_route_requests_total{route="${last}",code_class="2xx"} 1`);
  });

  it('refuses names over the cap, counts them in the sink and says how many there are', () => {
    const world = createTable(2);
    for (const name of ['a', 'b', 'c', 'd', 'c']) add(world, name);
    expect(world.table.refused).toBe(2);
    count((world.pages[0] as SeriesPages).handle('c'), ok);
    expect(text(world.table)).not.toContain('route="');
    world.table.remove('c');
    expect(world.table.refused).toBe(1);
  });

  it('shows a removed name for five minutes, then gives its slot away', () => {
    const world = createTable(1);
    add(world, 'a');
    const held = (world.pages[0] as SeriesPages).handle('a');
    count(held, ok);
    world.table.remove('a');
    world.clock.now = 299_999;
    expect(world.table.expire()).toEqual([]);
    expect(text(world.table)).toContain('route="a"');
    world.clock.now = 300_000;
    expect(world.table.expire()).toEqual(['a']);
    for (const pages of world.pages) pages.release('a');
    expect(text(world.table)).not.toContain('route="a"');

    add(world, 'b');
    count(held, ok); // a tunnel of the removed route that ends only now
    expect(text(world.table)).not.toContain('route="');
    count((world.pages[0] as SeriesPages).handle('b'), ok);
    expect(text(world.table)).toContain('easegress_route_requests_total{route="b",code_class="2xx"} 1');
  });

  it('goes on counting when a removed name comes back in time', () => {
    const world = createTable();
    add(world, 'a');
    count((world.pages[0] as SeriesPages).handle('a'), ok);
    world.table.remove('a');
    add(world, 'a');
    world.clock.now = 1e6;
    expect(world.table.expire()).toEqual([]);
    count((world.pages[0] as SeriesPages).handle('a'), ok);
    expect(text(world.table)).toContain('easegress_route_requests_total{route="a",code_class="2xx"} 2');
  });
});

describe('the metrics page', () => {
  it('shows what was registered, escaped, with help and type, and the figures of the process', async () => {
    const metrics = createMetrics();
    metrics.gauge({ name: 'easegress_a', help: 'A.' }, () => 1);
    metrics.counter({ name: 'easegress_b_total', help: 'B.' }, () => [[{ name: 'x"y\\z\n' }, 2]]);
    const page = await metrics.render();
    expect(page).toContain('# HELP easegress_a A.\n# TYPE easegress_a gauge\neasegress_a 1\n');
    expect(page).toContain('# TYPE easegress_b_total counter\neasegress_b_total{name="x\\"y\\\\z\\n"} 2\n');
    expect(page).toContain('process_resident_memory_bytes');
  });
});
