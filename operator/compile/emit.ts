// Making units. `inputs` is the hash of the specs of the objects that a unit comes from, so that status can tell an
// edit that changed no bytes from one that no proxy has seen.

import type { Diagnostic } from '#proxy/contract/diagnostics.ts';
import { unitHash } from '#proxy/contract/hash.ts';
import type { AnyUnit, Origin, UnitContent, UnitKind } from '#proxy/contract/units.ts';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { sameValue } from '#proxy/primitives/same-value.ts';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import type { CompiledUnit } from './result.ts';

/** An object that a unit comes from. */
export interface Source {
  readonly origin: Origin;
  /** Hash of its spec. */
  readonly inputs: string;
}

/** What one object compiles to. */
export interface Output {
  readonly units: readonly CompiledUnit[];
  readonly diagnostics: readonly Diagnostic[];
}

export function emit<K extends UnitKind>(
  kind: K,
  name: string,
  content: UnitContent<K>,
  sources: readonly [Source, ...Source[]],
): CompiledUnit {
  const origins = sources.map(({ origin }) => origin);
  const unit = { kind, name, hash: unitHash(kind, name, content, origins), origins, content };
  // K and its content belong together by the signature, which the union cannot express.
  return { unit: unit as AnyUnit, inputs: inputsOf(sources) };
}

/** The same, but what equals `former` is not hashed again: of an object with 500 rules one edit changes one. */
export function emitOver<K extends UnitKind>(
  former: CompiledUnit | undefined,
  ...made: [kind: K, name: string, content: UnitContent<K>, sources: readonly [Source, ...Source[]]]
): CompiledUnit {
  const [, name, content, sources] = made;
  if (former?.unit.name !== name || !sameValue(former.unit.content, content)) return emit(...made);
  const origins = sources.map(({ origin }) => origin);
  return sameValue(former.unit.origins, origins) ? { unit: former.unit, inputs: inputsOf(sources) } : emit(...made);
}

function inputsOf(sources: readonly [Source, ...Source[]]): string {
  return sources.length === 1 ? sources[0].inputs : digest(sources.map((source) => source.inputs));
}

/** Hash of an object's spec. Rules are hashed apart, each once: an edit of a server with hundreds changes one. */
export function specDigest(spec: Readonly<Record<string, unknown>>): string {
  const { rules, ...rest } = spec;
  return Array.isArray(rules) ? digest([rest, rules.map(ruleDigest)]) : digest(spec);
}

const ruleDigests = new WeakMap<object, string>();

function ruleDigest(rule: unknown): string {
  if (typeof rule !== 'object' || rule === null) return digest(rule);
  const known = ruleDigests.get(rule);
  if (known !== undefined) return known;
  const made = digest(rule);
  ruleDigests.set(rule, made);
  return made;
}

/** Hash of any value, 128 bits in hex. */
export function digest(value: unknown): string {
  return sha256(canonicalJson(value)).toString('hex', 0, 16);
}

export function sameUnit(a: CompiledUnit, b: CompiledUnit): boolean {
  return a === b || (a.unit.name === b.unit.name && a.unit.hash === b.unit.hash && a.inputs === b.inputs);
}

export function sameOutput(a: Output, b: Output): boolean {
  return (
    a.units.length === b.units.length &&
    a.units.every((unit, i) => sameUnit(unit, b.units[i] as CompiledUnit)) &&
    sameValue(a.diagnostics, b.diagnostics)
  );
}
