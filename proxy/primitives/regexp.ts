// The only door to re2js. Patterns come from people we need not trust, so matching is linear in the text whatever
// the pattern (RE2, the syntax and meaning of Go's regexp, which Easegress's objects were written for) and no
// look-around or back-reference exists. Patterns without special characters never reach the engine.
//
// One thing differs from Go: `.` also takes a line break. What is matched are decoded paths and query values, which
// are never lines, and `/admin/x%0a` must not slip past `^/admin/.*$` into a rule that is more open. `(?-s)` asks for
// Go's meaning.

import { RE2JS } from 're2js';

/** Longer patterns are refused: the automaton grows with them. */
export const maxPatternLength = 4096;

/**
 * The engine writes counted repetitions out (`(abc){1000}` is a thousand copies), so 4 KB of them would make an
 * automaton of hundreds of megabytes. In characters and classes.
 */
const maxWrittenOut = 20_000;

const maxCached = 2048;

export interface Regexp {
  readonly pattern: string;
  /** True when some part of `text` matches. */
  test(text: string): boolean;
  /** True when the whole of `text` matches. */
  testWhole(text: string): boolean;
  /** Replaces every match, with Go's template syntax: `$1`, `$name`, `${name}`, `$$`. Unknown groups are empty. */
  replaceAll(text: string, replacement: string): string;
}

export class RegexpError extends Error {
  constructor(pattern: string, reason: string) {
    super(`${quote(pattern)} is not a valid regular expression: ${reason}`);
    this.name = 'RegexpError';
  }
}

const cache = new Map<string, Regexp>();

/** Throws RegexpError. Equal patterns share one automaton while they are in use. */
export function compile(pattern: string): Regexp {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  if (pattern.length > maxPatternLength) {
    throw new RegexpError(pattern, `it is longer than ${maxPatternLength} characters`);
  }
  if (writtenOut(pattern) > maxWrittenOut) {
    throw new RegexpError(pattern, 'its counted repetitions are too large together');
  }
  const regexp = new LinearRegexp(pattern, compileRe2(pattern));
  if (cache.size >= maxCached) {
    // The oldest goes; whoever holds it keeps it, only later compilations no longer share it.
    for (const oldest of cache.keys()) {
      cache.delete(oldest);
      break;
    }
  }
  cache.set(pattern, regexp);
  return regexp;
}

/**
 * The literal text that every match of `pattern` begins with when it can only match at the start of the text
 * (`^/api/v1/.*` gives `/api/v1/`), else ``. Lets a table of many patterns be searched by prefix. Never longer than
 * what is certain: alternatives, flags and unknown escapes give up.
 */
export function anchoredLiteral(pattern: string): string {
  if (pattern.charCodeAt(0) !== caret || pattern.includes('|')) return '';
  let literal = '';
  for (let i = 1; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (c === '\\') {
      const next = pattern[i + 1];
      // An empty `\Q\E`, like flags, lets a star behind it count for the character before it.
      if (next === 'Q') return withoutLast(literal);
      if (next === undefined || !punctuation.includes(next)) return literal;
      literal += next;
      i++;
    } else if (optional.includes(c) || pattern.startsWith('(?', i)) {
      return withoutLast(literal); // the character before it may be missing
    } else if (special.includes(c)) {
      return literal;
    } else {
      literal += c;
    }
  }
  return literal;
}

const caret = 0x5e;
const special = '\\^$.|?*+()[]{}';
const punctuation = '\\^$.|?*+()[]{}/-_~%@=&,:;!#"\'<> ';
const optional = '?*{';

class LinearRegexp implements Regexp {
  readonly pattern: string;
  private readonly re2: RE2JS;
  private readonly literal: string;
  private readonly shape: 'anywhere' | 'start' | 'end' | 'whole' | 'none';
  private template = '';
  private parts: readonly TemplatePart[] = [];

  constructor(pattern: string, re2: RE2JS) {
    this.pattern = pattern;
    this.re2 = re2;
    const atStart = pattern.startsWith('^');
    const atEnd = pattern.endsWith('$') && !pattern.endsWith('\\$');
    const inner = pattern.slice(atStart ? 1 : 0, atEnd ? pattern.length - 1 : pattern.length);
    const literal = literalOf(inner);
    this.literal = literal ?? '';
    if (literal === null) this.shape = 'none';
    else if (atStart) this.shape = atEnd ? 'whole' : 'start';
    else this.shape = atEnd ? 'end' : 'anywhere';
  }

  test(text: string): boolean {
    switch (this.shape) {
      case 'anywhere':
        return text.includes(this.literal);
      case 'start':
        return text.startsWith(this.literal);
      case 'end':
        return text.endsWith(this.literal);
      case 'whole':
        return text === this.literal;
      case 'none':
        return this.re2.test(text);
      default:
        return this.shape satisfies never;
    }
  }

  testWhole(text: string): boolean {
    return this.shape === 'none' ? this.re2.testExact(text) : text === this.literal;
  }

  replaceAll(text: string, replacement: string): string {
    if (replacement !== this.template) {
      // A path has one replacement, so remembering the last one parses each once.
      this.parts = parseTemplate(replacement, this.re2.namedGroups());
      this.template = replacement;
    }
    const { parts } = this;
    const matcher = this.re2.matcher(text);
    let out = '';
    let copied = 0;
    let from = 0;
    // Go's loop: an empty match right behind another match is not replaced, and every turn moves on by one character.
    while (from <= text.length && matcher.find(from)) {
      const start = matcher.start(0);
      const end = matcher.end(0);
      out += text.slice(copied, start);
      if (end > copied || start === 0) {
        for (const part of parts) {
          if (typeof part === 'string') out += part;
          else if (part <= matcher.groupCount()) out += matcher.group(part) ?? '';
        }
      }
      copied = end;
      const step = (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      from = from + step > end ? from + step : end;
    }
    return out + text.slice(copied);
  }
}

/** Text, or the number of a group. */
type TemplatePart = string | number;

/** Go's Regexp.Expand: `$name` takes the longest run of letters, digits and `_`, so `$1x` is the group called `1x`. */
function parseTemplate(template: string, named: Readonly<Record<string, number>>): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let text = '';
  let i = 0;
  while (i < template.length) {
    const dollar = template.indexOf('$', i);
    if (dollar === -1) {
      text += template.slice(i);
      break;
    }
    text += template.slice(i, dollar);
    i = dollar + 1;
    if (template[i] === '$') {
      text += '$';
      i++;
      continue;
    }
    const braced = template[i] === '{';
    let end = braced ? i + 1 : i;
    while (end < template.length && isWord(template.charCodeAt(end))) end++;
    const name = template.slice(braced ? i + 1 : i, end);
    if (name === '' || (braced && template[end] !== '}')) {
      text += '$'; // malformed: the dollar sign stands for itself
      continue;
    }
    i = braced ? end + 1 : end;
    const group = isNumber(name) ? Number(name) : named[name];
    if (group !== undefined) {
      parts.push(text, group);
      text = '';
    }
  }
  parts.push(text);
  return parts;
}

/** Size of a pattern with its counted repetitions written out; of one that is no pattern, anything. */
function writtenOut(pattern: string): number {
  /** Sizes of the groups that are open, the whole first. */
  const open = [0];
  /** Size of what a count behind it would repeat. */
  let last = 0;
  // A quoted text, an escape, a class, a count, a bracket or a character.
  const piece = /\\Q(.*?)(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|[^]/gs;
  for (const [text, quoted, least, most] of pattern.matchAll(piece)) {
    if (text === '(') {
      open.push(0);
      last = 0;
      continue;
    }
    if (text === ')') last = open.length > 1 ? (open.pop() as number) : 0;
    else if (least !== undefined) last *= Math.max(0, Number(most || least) - 1);
    else last = quoted === undefined ? 1 : quoted.length;
    open[open.length - 1] = (open.at(-1) as number) + last;
  }
  return open.reduce((sum, size) => sum + size, 0);
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace('error parsing regexp: ', '') : 'unknown';
    // The flag is written in front of what the person wrote.
    throw new RegexpError(pattern, reason.replace('`(?s)', '`'));
  }
}

/** The text that `pattern` stands for when it has no operator, else null. */
function literalOf(pattern: string): string | null {
  let literal = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (c === '\\') {
      const next = pattern[i + 1];
      if (next === undefined || !punctuation.includes(next)) return null;
      literal += next;
      i++;
    } else if (special.includes(c)) {
      return null;
    } else {
      literal += c;
    }
  }
  return literal;
}

function withoutLast(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return text.slice(0, last >= 0xdc00 && last <= 0xdfff ? -2 : -1);
}

function isWord(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f;
}

function isNumber(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return name.length < 6;
}

function quote(pattern: string): string {
  return `"${pattern.length > 80 ? `${pattern.slice(0, 80)}…` : pattern}"`;
}
