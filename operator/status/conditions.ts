// What an object's conditions are, from findings and acks. Pure: equal input, equal conditions; who reads clocks,
// writes to Kubernetes or prints is someone else. The only memory is `previous`, which for Kubernetes is the object's
// own status: for one generation Programmed turns from True to False only by a rejection, never because sessions are
// lost, silent, joining or missing.
//
//   Accepted      what a person wrote can be understood and served
//   ResolvedRefs  every name in it leads to something
//   Programmed    every counted proxy runs what was compiled from it (live units aside)

import type { Diagnostic, DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import type { AckState, SessionAcks } from './acks.ts';

declare const brand: unique symbol;
type Branded<T, B> = T & { readonly [brand]: B };

// Types and reasons share words (`Accepted` is both), so they are branded: one cannot stand where the other is meant.
export type ConditionType = Branded<string, 'type'>;
export type ConditionReason = Branded<string, 'reason'>;

const type = (name: string): ConditionType => name as ConditionType;
const reason = (name: string): ConditionReason => name as ConditionReason;

export const conditionTypes = {
  accepted: type('Accepted'),
  resolvedRefs: type('ResolvedRefs'),
  programmed: type('Programmed'),
} as const;

export const conditionReasons = {
  accepted: reason('Accepted'),
  acceptedWithWarnings: reason('AcceptedWithWarnings'),
  resolvedRefs: reason('ResolvedRefs'),
  programmed: reason('Programmed'),
  pending: reason('Pending'),
  noProxy: reason('NoProxy'),
  unused: reason('Unused'),
  refused: reason('Refused'),
  /** A finding's code is the reason of what it makes false. */
  of: (code: DiagnosticCode): ConditionReason => reason(code),
} as const;

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: ConditionReason;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface ConditionInput {
  readonly generation: number;
  readonly diagnostics: readonly Diagnostic[];
  /** The object's units but for live ones: name → hash. */
  readonly units: ReadonlyMap<string, string>;
  readonly acks: AckState;
  readonly previous: readonly Condition[];
}

/** Findings that are about a name leading nowhere, not about the object itself. */
const aboutReferences: ReadonlySet<DiagnosticCode> = new Set([
  'FilterRefNotFound',
  'PipelineNotFound',
  'PipelineInvalid',
  'GlobalFilterNotFound',
  'ServiceNotFound',
  'ServicePortNotFound',
  'CrossNamespaceReference',
] as const);

export function conditionsOf(input: ConditionInput): readonly Condition[] {
  const errors = input.diagnostics.filter(({ severity }) => severity === 'error');
  const unresolved = errors.filter(({ code }) => aboutReferences.has(code));
  const refused = errors.filter(({ code }) => !aboutReferences.has(code));
  return [accepted(input, refused), resolvedRefs(input, unresolved), programmed(input, errors)];
}

function accepted({ generation, diagnostics }: ConditionInput, refused: readonly Diagnostic[]): Condition {
  const about = { type: conditionTypes.accepted, observedGeneration: generation };
  const [first] = refused;
  if (first !== undefined) {
    return { ...about, status: 'False', reason: conditionReasons.of(first.code), message: told(refused) };
  }
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning');
  return warnings.length === 0
    ? { ...about, status: 'True', reason: conditionReasons.accepted, message: '' }
    : { ...about, status: 'True', reason: conditionReasons.acceptedWithWarnings, message: told(warnings) };
}

function resolvedRefs({ generation }: ConditionInput, unresolved: readonly Diagnostic[]): Condition {
  const about = { type: conditionTypes.resolvedRefs, observedGeneration: generation };
  const [first] = unresolved;
  return first === undefined
    ? { ...about, status: 'True', reason: conditionReasons.resolvedRefs, message: '' }
    : { ...about, status: 'False', reason: conditionReasons.of(first.code), message: told(unresolved) };
}

function programmed(input: ConditionInput, errors: readonly Diagnostic[]): Condition {
  const { units, acks, generation } = input;
  const about = { type: conditionTypes.programmed, observedGeneration: generation };
  const no = (why: ConditionReason, message: string): Condition => ({
    ...about,
    status: 'False',
    reason: why,
    message,
  });
  if (units.size === 0) {
    return errors.length > 0
      ? no(conditionReasons.refused, 'Nothing was compiled from the object; its errors say why.')
      : no(conditionReasons.unused, 'Nothing refers to the object.');
  }
  const counted = acks.sessions.filter((session) => !session.quarantined && holdsAny(session, units));
  const rejection = firstRejection(counted, units);
  if (rejection !== null) {
    const { diagnostics, by } = rejection;
    const [first] = diagnostics;
    const why = first === undefined ? conditionReasons.of('BuildFailed') : conditionReasons.of(first.code);
    return no(why, `${told(diagnostics)} (${by} of ${proxies(counted.length)})`);
  }
  const current = counted.filter((session) => runsAll(session, units)).length;
  if (counted.length > 0 && current === counted.length) {
    return { ...about, status: 'True', reason: conditionReasons.programmed, message: '' };
  }
  const before = input.previous.find((condition) => condition.type === conditionTypes.programmed);
  if (before?.status === 'True' && before.observedGeneration === generation) return before;
  if (counted.length > 0) {
    const message = `${current} of ${proxies(counted.length)} ${current === 1 ? 'runs' : 'run'} it.`;
    return { ...about, status: 'Unknown', reason: conditionReasons.pending, message };
  }
  return acks.sessions.length === 0
    ? no(conditionReasons.noProxy, 'No proxy is connected.')
    : no(conditionReasons.unused, 'No answering proxy needs it: nothing that it serves leads to the object.');
}

function holdsAny(session: SessionAcks, units: ReadonlyMap<string, string>): boolean {
  for (const name of units.keys()) if (session.holds(name)) return true;
  return false;
}

function runsAll(session: SessionAcks, units: ReadonlyMap<string, string>): boolean {
  for (const [name, hash] of units) if (session.holds(name) && session.applied(name) !== hash) return false;
  return true;
}

/** Findings of the first rejected unit by name, and how many sessions rejected one. */
function firstRejection(
  sessions: readonly SessionAcks[],
  units: ReadonlyMap<string, string>,
): { readonly diagnostics: readonly Diagnostic[]; readonly by: number } | null {
  const rejecting = sessions.filter(
    ({ rejected }) => rejected.size > 0 && [...units.keys()].some((unit) => rejected.has(unit)),
  );
  if (rejecting.length === 0) return null;
  for (const name of [...units.keys()].toSorted()) {
    for (const { rejected } of rejecting) {
      const diagnostics = rejected.get(name);
      if (diagnostics !== undefined) return { diagnostics, by: rejecting.length };
    }
  }
  return null;
}

/** The first finding, and how many more there are: a condition's message is read on one line. */
function told(diagnostics: readonly Diagnostic[]): string {
  const [first, ...more] = diagnostics;
  if (first === undefined) return 'The proxy gave no reason.';
  const text = first.path === '' ? first.message : `${first.path}: ${first.message}`;
  return more.length === 0 ? text : `${text} (and ${more.length} more)`;
}

function proxies(count: number): string {
  return count === 1 ? '1 proxy' : `${count} proxies`;
}
