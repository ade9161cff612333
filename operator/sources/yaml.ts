// YAML and JSON to plain values, one document at a time, so that a broken document costs itself and not its file.
// The only door to the parser. Bounded: nesting 100, aliases may not expand to more than a file may hold, and an
// alias into itself is refused. Says what is wrong and in which line; what a document means is documents.ts's.

import { CORE_SCHEMA, loadAll, mergeTag, YAMLException } from 'js-yaml';

export const maxFileBytes = 8 * 1024 * 1024;

export interface YamlDocument {
  /** Line of its first content, from 1. */
  readonly line: number;
  readonly value: unknown;
}

export interface YamlProblem {
  readonly code: 'InvalidYaml' | 'FileTooLarge';
  readonly line: number;
  readonly message: string;
}

/** A document's text, parsed. Equal texts give the same object, so a caller may keep it. */
export type YamlPart =
  /** `offset`: lines before its first content. */
  | { readonly values: readonly unknown[]; readonly offset: number; readonly problem: null }
  | { readonly values: null; readonly problem: YamlProblem };

export interface YamlText {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly YamlProblem[];
  /** By text, to hand in next time: only parts that changed are parsed again. */
  readonly parts: ReadonlyMap<string, YamlPart>;
}

export function readYaml(text: string, known: ReadonlyMap<string, YamlPart> = new Map()): YamlText {
  const documents: YamlDocument[] = [];
  const problems: YamlProblem[] = [];
  const parts = new Map<string, YamlPart>();
  for (const { text: source, line } of split(text)) {
    const part = known.get(source) ?? parts.get(source) ?? parsePart(source);
    parts.set(source, part);
    if (part.problem !== null) {
      problems.push({ ...part.problem, line: part.problem.line + line - 1 });
      continue;
    }
    for (const value of part.values) documents.push({ line: line + part.offset, value });
  }
  return { documents, problems, parts };
}

/** At every line that begins with `---`: no scalar may hold such a line (YAML 1.2.2, 9.1.2). */
function* split(text: string): Generator<{ text: string; line: number }> {
  const marker = /^---(?=[ \t\r\n]|$)/gm;
  let start = 0;
  let line = 1;
  for (let match = marker.exec(text); match !== null; match = marker.exec(text)) {
    if (match.index > start) {
      const part = text.slice(start, match.index);
      if (!isDirectives(part)) {
        yield { text: part, line };
        line += newlines(part);
        start = match.index;
      }
    }
  }
  if (start < text.length) yield { text: text.slice(start), line };
}

/** `%YAML 1.2` and comments stand before the marker of their own document. */
function isDirectives(part: string): boolean {
  return part.startsWith('%') || /^(?:\s*(?:#[^\n]*)?\n)+%/.test(part.slice(0, 4096)) ? !/^[^%#\s]/m.test(part) : false;
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** Lines before the first that is neither empty, a comment nor a marker alone. */
function contentOffset(source: string): number {
  let offset = 0;
  for (const line of source.split('\n', 1000)) {
    if (!/^(?:---)?\s*(?:#.*)?$/.test(line)) return offset;
    offset++;
  }
  return 0;
}

function parsePart(source: string): YamlPart {
  let values: unknown[];
  try {
    values = loadAll(source, { schema: CORE_SCHEMA.withTags(mergeTag), maxDepth: 100, maxAliases: 10_000 });
  } catch (error) {
    return { values: null, problem: { code: 'InvalidYaml', ...whatIsWrong(error, source) } };
  }
  const found = values.filter((value) => value !== null);
  const problem = source.includes('*') ? expansionProblem(found) : null;
  return problem === null ? { values: found, offset: contentOffset(source), problem } : { values: null, problem };
}

function whatIsWrong(error: unknown, source: string): { line: number; message: string } {
  if (error instanceof YAMLException) {
    const reasons: Readonly<Record<string, string>> = {
      'duplicated mapping key': 'the key of this line stands in the mapping already; keep one of them',
    };
    const reason = typeof error.reason === 'string' ? error.reason : 'not readable';
    // What was cut off is noticed behind its last line.
    const last = newlines(source.trimEnd()) + 1;
    return { line: Math.min((error.mark?.line ?? 0) + 1, last), message: reasons[reason] ?? reason };
  }
  // The parser asks to catch everything: a range error on hostile input is a finding, not an end.
  return { line: 1, message: error instanceof Error ? error.message : 'not readable' };
}

function expansionProblem(values: readonly unknown[]): YamlProblem | null {
  const sizes = new Map<object, number>();
  const size = (value: unknown): number => {
    if (typeof value === 'string') return value.length + 2;
    if (typeof value !== 'object' || value === null) return 4;
    const known = sizes.get(value);
    if (known !== undefined) return known;
    sizes.set(value, Infinity); // met again below itself: an alias into itself has no end
    let total = 2;
    for (const [key, member] of Object.entries(value))
      total += (Array.isArray(value) ? 1 : key.length + 3) + size(member);
    sizes.set(value, total);
    return total;
  };
  const total = values.reduce<number>((sum, value) => sum + size(value), 0);
  if (total <= maxFileBytes) return null;
  const message =
    total === Infinity
      ? 'an alias contains itself; write the value out'
      : `the aliases expand to more than ${maxFileBytes / 1024 / 1024} MiB; write out what they repeat`;
  return { code: 'FileTooLarge', line: 1, message };
}
