// Asks every row of a real gateway: each case whole, byte by byte, and cut at random places, every time with other
// names and values. Several lanes work side by side. What reached the origin is kept for the judges.

import { Draw } from './draw.ts';
import { type Gateway, startGateway } from './gateway.ts';
import type { Cuts, Lane } from './lane.ts';
import { play } from './play.ts';
import type { Case, Row, Seen } from './row.ts';
import type { RowResult } from './verdict.ts';

const modes = ['whole', 'bytes', 'cut 1', 'cut 2', 'cut 3'] as const;
type Mode = (typeof modes)[number];

/** One byte at a time only up to here. */
const maxBytewise = 4000;
const lanes = 4;
const hastyLanes = 3;

/** Bytes of one connection at the origin, and the case they come from. */
export interface Recorded {
  readonly title: string;
  readonly text: string;
}

export interface SuiteRun {
  readonly results: readonly RowResult[];
  readonly recorded: readonly Recorded[];
}

interface Job {
  readonly row: Row;
  readonly mode: Mode;
  /** Index of the case. */
  readonly index: number;
  readonly seed: number;
}

export async function runRows(rows: readonly Row[], seed: number, ways: readonly Mode[] = modes): Promise<SuiteRun> {
  const wrongs = new Map<Row, string[]>(rows.map((row) => [row, []]));
  const played = new Map<Row, number>();
  const recorded = new Map<string, Recorded>();
  const jobs = rows.flatMap((row) => jobsOf(row, seed, ways));
  const isHasty = (job: Job): boolean => caseOf(job)?.world === 'hasty';

  const work = async (gateway: Gateway, lane: Lane, queue: Job[]): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const { row, mode, index } = job;
      const one = caseOf(job);
      if (one === undefined) continue;
      const title = [`row ${row.row}`, one.name ?? '', mode, `seed ${job.seed}`, `case ${index}`]
        .filter((part) => part !== '')
        .join(', ');
      const [wrong, seen] = await judge(one, lane, cutsOf(mode, job.seed), gateway);
      played.set(row, (played.get(row) ?? 0) + 1);
      if (wrong !== '') wrongs.get(row)?.push(`${title}: ${wrong}`);
      if (seen === null || one.unjudged === true) continue;
      for (const { text } of seen.origin.connections) if (!recorded.has(text)) recorded.set(text, { title, text });
    }
  };
  const serve = async (hasty: boolean): Promise<void> => {
    const queue = jobs.filter((job) => isHasty(job) === hasty);
    if (queue.length === 0) return;
    await using gateway = await startGateway(Math.min(queue.length, hasty ? hastyLanes : lanes), hasty);
    await Promise.all(gateway.lanes.map((lane) => work(gateway, lane, queue)));
  };
  await serve(false);
  await serve(true);
  return {
    results: rows.map((row) => ({ row, wrongs: wrongs.get(row) ?? [], played: played.get(row) ?? 0 })),
    recorded: [...recorded.values()],
  };
}

function jobsOf(row: Row, seed: number, ways: readonly Mode[]): Job[] {
  return ways.flatMap((mode, at) => {
    const own = (seed + row.row * 1009 + at * 7919) >>> 0;
    const cases = row.cases(new Draw(own));
    return cases.flatMap((one, index) =>
      one.whole === true && mode !== 'whole' ? [] : [{ row, mode, index, seed: own }],
    );
  });
}

/** Made anew for each play: a case may hold state. */
function caseOf({ row, index, seed }: Job): Case | undefined {
  return row.cases(new Draw(seed))[index];
}

async function judge(one: Case, lane: Lane, cuts: Cuts, gateway: Gateway): Promise<[wrong: string, seen: Seen | null]> {
  try {
    const seen = await play(one, lane, cuts, (text) => gateway.log(text));
    for (const expectation of one.expect) {
      const wrong = await expectation(seen);
      if (wrong !== '') return [wrong, seen];
    }
    return ['', seen];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error), null];
  }
}

function cutsOf(mode: Mode, seed: number): Cuts {
  if (mode === 'whole') return () => [];
  const draw = new Draw(seed ^ 0x5bd1e995);
  return (length) => {
    if (mode === 'bytes' && length <= maxBytewise)
      return Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);
    return draw.cuts(length);
  };
}
