// Units from a file, once: what `easegress operator compile` printed, or a test wrote. For looking at what a proxy
// makes of given units; there is no reloading.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { wireUnit } from '#proxy/contract/messages.ts';
import type { Log } from '#proxy/process/log.ts';
import type { UnitSource } from './source.ts';

const fileContent = z.object({ version: z.string().default('file'), units: z.array(wireUnit) });

/** start() rejects when the file cannot be read or is none of units. */
export function fileSource(file: string, log: Log): UnitSource {
  return {
    async start(sink) {
      const { version, units } = fileContent.parse(JSON.parse(await readFile(file, 'utf8')));
      const { rejected } = await sink.apply({ version, upserts: units, removes: [] });
      log.info({ file, units: units.length, rejected }, 'units from a file are served');
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
