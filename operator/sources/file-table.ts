// What every file states now, and which file an object comes from when several state it. A change of one file costs
// what that file holds: events are made from its difference, not from a walk over everything.
//
// While a document of a file cannot be read as an object, nothing that the file stated before is taken away: a file
// half written, or a slip in `kind`, must not end traffic.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import { sharedValue } from '#proxy/primitives/same-value.ts';
import { keyOf, type RawObject } from '#operator/resources/object.ts';
import { readDocument, type DocumentFinding, type DocumentReading } from './documents.ts';
import type { FileProblem, FileText } from './manifest-folder.ts';
import type { ObjectEvent } from './object-event.ts';
import { readYaml, type YamlPart } from './yaml.ts';

interface FileState {
  parts: ReadonlyMap<string, YamlPart>;
  /** The first statement of each key, by key. */
  objects: ReadonlyMap<string, RawObject>;
  /** Findings that concern this file alone. */
  findings: readonly Diagnostic[];
  /** Findings last told, with those about other files. */
  told: readonly Diagnostic[];
}

export class FileTable {
  private readonly files = new Map<string, FileState>();
  /** Files that state a key; the first in order counts. */
  private readonly claims = new Map<string, Set<string>>();
  /** What was last told of a key. */
  private readonly told = new Map<string, RawObject>();

  get places(): IterableIterator<string> {
    return this.files.keys();
  }

  /** Whether the file states any object. */
  states(place: string): boolean {
    return (this.files.get(place)?.objects.size ?? 0) > 0;
  }

  /** Takes what a file holds now. `null` = it is gone. */
  update(place: string, contents: FileText | FileProblem | null): ObjectEvent[] {
    const before = this.files.get(place);
    if (contents === null) {
      if (before === undefined) return [];
      this.files.delete(place);
      const events = this.settle(place, before.objects, new Map());
      if (before.told.length > 0) events.push({ type: 'diagnostics', place, diagnostics: [] });
      return events;
    }
    const state = 'text' in contents ? readState(place, contents.text, before) : brokenState(place, contents, before);
    this.files.set(place, state);
    const events = this.settle(place, before?.objects ?? new Map<string, RawObject>(), state.objects);
    events.push(...this.tellFindings(place));
    return events;
  }

  private settle(
    place: string,
    before: ReadonlyMap<string, RawObject>,
    after: ReadonlyMap<string, RawObject>,
  ): ObjectEvent[] {
    const events: ObjectEvent[] = [];
    const shared = new Set<string>();
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const claim = this.claims.get(key) ?? new Set<string>();
      if (after.has(key)) claim.add(place);
      else claim.delete(place);
      if (claim.size === 0) this.claims.delete(key);
      else this.claims.set(key, claim);
      const event = this.tellObject(key, claim);
      if (event !== null) events.push(event);
      for (const other of claim) if (other !== place) shared.add(other);
    }
    for (const other of shared) events.push(...this.tellFindings(other));
    return events;
  }

  private tellObject(key: string, claim: ReadonlySet<string>): ObjectEvent | null {
    const told = this.told.get(key);
    const winner = firstOf(claim);
    const object = winner === null ? undefined : this.files.get(winner)?.objects.get(key);
    if (object === told) return null;
    if (object === undefined) {
      this.told.delete(key);
      return told === undefined
        ? null
        : { type: 'delete', key: { kind: told.kind, namespace: told.namespace, name: told.name } };
    }
    this.told.set(key, object);
    return { type: 'upsert', object };
  }

  private tellFindings(place: string): ObjectEvent[] {
    const state = this.files.get(place);
    if (state === undefined) return [];
    const diagnostics = [...state.findings, ...this.duplicates(place, state)];
    if (JSON.stringify(diagnostics) === JSON.stringify(state.told)) return [];
    state.told = diagnostics;
    return [{ type: 'diagnostics', place, diagnostics }];
  }

  private duplicates(place: string, state: FileState): Diagnostic[] {
    const found: Diagnostic[] = [];
    for (const [key, object] of state.objects) {
      const claim = this.claims.get(key);
      if (claim === undefined || claim.size < 2) continue;
      const winner = firstOf(claim);
      const first = winner === null || winner === place ? undefined : this.files.get(winner)?.objects.get(key);
      if (first !== undefined) found.push(duplicate(object, first.location));
    }
    return found;
  }
}

function firstOf(claim: ReadonlySet<string>): string | null {
  let first: string | null = null;
  for (const place of claim) if (first === null || place < first) first = place;
  return first;
}

function readState(place: string, text: string, before: FileState | undefined): FileState {
  const yaml = readYaml(text, before?.parts);
  const findings = yaml.problems.map((problem) => aboutFile(`${place}:${problem.line}`, problem, place));
  const objects = new Map<string, RawObject>();
  for (const { line, value } of yaml.documents) {
    const location = `${place}:${line}`;
    const read = readOnce(value, location);
    findings.push(...read.findings.map((finding) => aboutDocument(place, location, finding)));
    for (const object of read.objects) {
      const key = keyOf(object);
      const first = objects.get(key);
      if (first !== undefined) findings.push(duplicate(object, first.location));
      else objects.set(key, sameAs(before?.objects.get(key), object));
    }
  }
  const incomplete = findings.some(({ severity, code }) => severity === 'error' && code !== 'DuplicateObject');
  if (incomplete && before !== undefined) {
    for (const [key, object] of before.objects) if (!objects.has(key)) objects.set(key, object);
  }
  return { parts: yaml.parts, objects, findings, told: before?.told ?? [] };
}

const readings = new WeakMap<object, { readonly location: string; readonly reading: DocumentReading }>();

/** Parts that did not change keep their values, so a large file costs what has changed in it. */
function readOnce(value: unknown, location: string): DocumentReading {
  if (typeof value !== 'object' || value === null) return readDocument(value, location);
  const known = readings.get(value);
  if (known?.location === location) return known.reading;
  const reading = readDocument(value, location);
  readings.set(value, { location, reading });
  return reading;
}

/** The one known before when nothing changed, so that nobody is told; else with those of its parts that did not. */
function sameAs(known: RawObject | undefined, object: RawObject): RawObject {
  return known === undefined ? object : sharedValue(known, object);
}

function brokenState(place: string, problem: FileProblem, before: FileState | undefined): FileState {
  return {
    parts: before?.parts ?? new Map<string, YamlPart>(),
    objects: before?.objects ?? new Map<string, RawObject>(),
    findings: [aboutFile(place, problem)],
    told: before?.told ?? [],
  };
}

/** `location` begins the message: the file, or a line of it. */
export function aboutFile(location: string, problem: FileProblem, place: string = location): Diagnostic {
  return diagnostic(problem.code, { kind: 'File', namespace: '', name: place }, '', `${location}: ${problem.message}`);
}

function aboutDocument(place: string, location: string, finding: DocumentFinding): Diagnostic {
  const { code, kind, namespace, name, message } = finding;
  const object = name === '' ? { kind: 'File', namespace: '', name: place } : { kind, namespace, name };
  return diagnostic(code, object, '', `${location}: ${message}`);
}

function duplicate(object: RawObject, first: string): Diagnostic {
  const { kind, namespace, name } = object;
  const message = `${object.location}: ${kind} ${namespace}/${name} is stated at ${first} already, which counts; rename one of them`;
  return diagnostic('DuplicateObject', { kind, namespace, name }, '', message);
}
