// Every finding that the operator can give has been seen: in a golden case, or, where a file could not become objects, in
// a test of the source.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnosticCodes } from '#proxy/contract/diagnostics.ts';

const testdata = join(import.meta.dirname, 'testdata');
const sources = join(import.meta.dirname, '../sources');
const seen = [
  ...readdirSync(testdata).map((name) => join(testdata, name, 'status.yaml')),
  ...readdirSync(sources)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join(sources, file)),
]
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

/** A proxy's verdicts, tested there. */
const ofProxy = ['UnsupportedByProxy', 'PortInUse', 'PortNotPermitted', 'BuildFailed'];

describe('diagnostic codes', () => {
  it.each(Object.keys(diagnosticCodes).filter((code) => !ofProxy.includes(code)))('%s appears in a test', (code) => {
    expect(new RegExp(`\\b${code}\\b`).test(seen)).toBe(true);
  });
});
