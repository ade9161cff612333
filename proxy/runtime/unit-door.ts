// The door through which units come in: from what travelled to a checked unit, or to the rejection that says why not.
// A kind or field that this version does not know makes the unit rejected, never half understood.

import { diagnostic, type Diagnostic, type DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import type { Rejection, WireUnit } from '#proxy/contract/messages.ts';
import { unitKinds, type AnyUnit, type Origin, type UnitKind } from '#proxy/contract/units.ts';
import { PipelineBuildError } from '#proxy/pipeline/pipeline.ts';
import { RouterBuildError } from '#proxy/router/build-error.ts';

export function isUnitKind(kind: string): kind is UnitKind {
  return Object.hasOwn(unitKinds, kind);
}

export function readUnit(wire: WireUnit): AnyUnit | Rejection {
  if (!isUnitKind(wire.kind)) return reject(wire, 'UnsupportedByProxy', '', `unit kind ${wire.kind} is not known`);
  const parsed = unitKinds[wire.kind].content.safeParse(wire.content);
  if (parsed.success) {
    // The content was checked against the schema of that very kind.
    return {
      kind: wire.kind,
      name: wire.name,
      hash: wire.hash,
      origins: wire.origins,
      content: parsed.data,
    } as AnyUnit;
  }
  const [issue] = parsed.error.issues;
  const path = pathText(issue?.path ?? []);
  return reject(wire, 'UnsupportedByProxy', path, `${path === '' ? 'content' : path}: ${issue?.message ?? 'invalid'}`);
}

export function isRejection(result: AnyUnit | Rejection): result is Rejection {
  return 'diagnostics' in result;
}

/** What a throw of one of the builders means for the unit. */
export function rejectionOf(unit: Named, error: unknown): Rejection {
  if (error instanceof PipelineBuildError) {
    return reject(unit, error.unsupported ? 'UnsupportedByProxy' : 'BuildFailed', error.path, error.message);
  }
  if (error instanceof RouterBuildError) {
    return reject(unit, 'BuildFailed', pathInObject(unit.name, error.path), error.message);
  }
  return reject(unit, 'BuildFailed', '', error instanceof Error ? error.message : String(error));
}

/** A rule is an entry of its object's `rules`; its name ends with the index (contract/units.ts). */
function pathInObject(unit: string, path: string): string {
  const index = /^rule\/.*\/(\d+)$/.exec(unit)?.[1];
  return index === undefined ? path : `spec.rules[${index}].${path}`;
}

/** The part of a unit that a rejection needs. */
export interface Named {
  readonly name: string;
  readonly origins: readonly Origin[];
}

/** One diagnostic per object that the unit came from, so that each learns of it. */
export function reject(unit: Named, code: DiagnosticCode, path: string, message: string): Rejection {
  const origins = unit.origins.length > 0 ? unit.origins : [{ kind: 'Unit', namespace: '', name: unit.name }];
  const diagnostics: Diagnostic[] = origins.map((origin) => diagnostic(code, origin, path, message));
  return { unit: unit.name, diagnostics };
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}
