// From what a person wrote to a typed object and findings: the one door for every source. It throws nothing, logs
// nothing, and equal objects give equal results whatever was read before, so compile may call it.

import type { z } from 'zod';
import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { isError, toDiagnostics, type Finding } from './finding.ts';
import { resourceKindsByName } from './index.ts';
import type { RawObject } from './object.ts';
import { readFields } from './read-fields.ts';
import { readHttpServer } from './read-http-server.ts';
import { readFilterObject, readGlobalFilter, readPipeline, type Reading } from './read-pipeline.ts';
import type { TypedKind, TypedObject } from './typed-object.ts';

export interface ParseResult {
  /**
   * Null when an error makes the object unusable. An HTTPServer with errors still has a value as long as its port can
   * be read: what is wrong in it is marked `refused` and answers 503.
   */
  readonly value: TypedObject | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function parseObject(raw: RawObject): ParseResult {
  const kind = resourceKindsByName.get(raw.kind);
  if (kind === undefined) {
    const message = `no kind is called ${JSON.stringify(raw.kind.slice(0, 80))}`;
    return { value: null, diagnostics: toDiagnostics(raw, [{ code: 'UnknownKind', path: [], message }]) };
  }
  // The list of kinds and TypedKind are the same names; a test holds them together.
  const { value, findings } = readers[raw.kind as TypedKind](raw.spec);
  return {
    value: value === null ? null : ({ ...raw, spec: value } as unknown as TypedObject),
    diagnostics: toDiagnostics(raw, findings),
  };
}

type Reader = (spec: Readonly<Record<string, unknown>>) => Reading<unknown>;

const readers: Readonly<Record<TypedKind, Reader>> = {
  HTTPServer: (spec) => readHttpServer(spec),
  Pipeline: (spec) => readPipeline(spec, ['spec']),
  Filter: (spec) => readFilterObject(spec, ['spec']),
  GlobalFilter: (spec) => readGlobalFilter(spec, ['spec']),
  Service: (spec) => readPlain('Service', spec, ['spec']),
  EndpointSlice: (spec) => readPlain('EndpointSlice', spec, []),
};

function readPlain(kind: TypedKind, spec: unknown, at: readonly string[]): Reading<unknown> {
  const schema = resourceKindsByName.get(kind)?.schema as z.ZodObject;
  const { value, findings } = readFields(schema, spec, { at });
  const failed: readonly Finding[] = findings.filter(isError);
  return { value: failed.length > 0 ? null : value, findings };
}
