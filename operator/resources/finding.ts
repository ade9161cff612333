// A finding before it becomes a diagnostic: its path is still a list, so that it can be put below another path. And
// how paths and values are written in messages.

import { diagnostic, diagnosticCodes, type Diagnostic, type DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import { withoutSecrets } from '#proxy/primitives/redact.ts';
import type { ObjectKey } from './object.ts';

export type FieldPath = readonly (string | number)[];

export interface Finding {
  readonly code: DiagnosticCode;
  readonly path: FieldPath;
  readonly message: string;
}

/** More than this helps nobody; the last one then says how many there are. */
const maxFindings = 64;

export function toDiagnostics(object: ObjectKey, findings: readonly Finding[]): Diagnostic[] {
  const { kind, namespace, name } = object;
  const origin = { kind, namespace, name };
  const shown = findings
    .slice(0, maxFindings)
    .map(({ code, path, message }) => diagnostic(code, origin, formatPath(path), message));
  const rest = findings.slice(maxFindings);
  // An error among the rest must not vanish: severity decides what becomes of the object.
  const worst = rest.find((finding) => isError(finding)) ?? rest[0];
  if (worst !== undefined) {
    shown.push(
      diagnostic(worst.code, origin, formatPath(worst.path), `${worst.message} (and ${rest.length - 1} more)`),
    );
  }
  return shown;
}

export function isError(finding: Finding): boolean {
  return diagnosticCodes[finding.code].severity === 'error';
}

/** `spec.rules[0].setHeaders["a.b"]`. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w$-]{1,128}$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(cut(step, 64))}]`;
  }
  return text;
}

/** `spec.rules[0].host` as a list, for paths that a filter's own check wrote. */
export function splitPath(path: string): (string | number)[] {
  return path
    .split(/[.[\]]+/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** A value as a message may show it: never a whole mapping, never a secret. */
export function showValue(value: unknown, secret: boolean): string {
  if (value === undefined) return 'is missing';
  if (value === null) return 'has no value';
  if (Array.isArray(value)) return `is a list of ${value.length}`;
  if (typeof value === 'object') return 'is a mapping';
  if (secret) return 'has a value (not shown)';
  const shown = typeof value === 'string' ? withoutSecrets(value) : value;
  return `is ${cut(JSON.stringify(shown) ?? typeof value, 80)}`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
