// Path patterns of the RadixTree semantics: `/users/list`, `/users/{id}`, `/users/{id:[0-9]+}`, `/users/*`, and their
// rewrite targets. What Easegress panics at (and then at every start) is an error value here.

import { type Regexp, compile } from '#proxy/primitives/regexp.ts';

export const wildcardName = 'EG_WILDCARD';

export type Segment =
  | { readonly kind: 'static'; readonly text: string }
  /** `tail` is the character that ends the captured text: what follows in the pattern, or `/`. */
  | {
      readonly kind: 'param';
      readonly name: string;
      readonly tail: string;
      readonly source: string;
      readonly regexp: Regexp | null;
    }
  | { readonly kind: 'wildcard' };

export interface PathPattern {
  readonly segments: readonly Segment[];
  /** Names of what is captured, in order. */
  readonly names: readonly string[];
  readonly isStatic: boolean;
}

/** Throws Error with a sentence for a person. */
export function parsePattern(pattern: string): PathPattern {
  const segments: Segment[] = [];
  const names: string[] = [];
  let at = 0;
  while (at < pattern.length) {
    const next = nextSpecial(pattern, at);
    if (next > at) segments.push({ kind: 'static', text: pattern.slice(at, next) });
    if (next === pattern.length) break;
    if (pattern[next] === '*') {
      if (next !== pattern.length - 1) throw new Error(`"*" may stand only at the end of "${pattern}"`);
      segments.push({ kind: 'wildcard' });
      names.push(wildcardName);
      break;
    }
    const close = closingBrace(pattern, next);
    const inner = pattern.slice(next + 1, close);
    const colon = inner.indexOf(':');
    const name = colon === -1 ? inner : inner.slice(0, colon);
    if (!isName(name)) throw new Error(`"${name}" in "${pattern}" is no name for a capture`);
    if (names.includes(name)) throw new Error(`"${pattern}" captures "${name}" twice`);
    names.push(name);
    if (pattern[close + 1] === '{') throw new Error(`two captures of "${pattern}" stand side by side`);
    const tail = pattern[close + 1] ?? '/';
    const source = colon === -1 ? '' : inner.slice(colon + 1);
    segments.push({ kind: 'param', name, tail, source, regexp: source === '' ? null : compile(source) });
    at = close + 1;
    if (tail === '*') throw new Error(`"*" of "${pattern}" must follow a "/"`);
  }
  return { segments, names, isStatic: names.length === 0 };
}

/** Text, or the name of a capture. */
export type RewritePart = { readonly text: string } | { readonly capture: string };

/** Throws Error when the target names a capture that the pattern does not have. */
export function parseRewriteTarget(target: string, names: readonly string[]): readonly RewritePart[] {
  if (target.includes('*')) throw new Error(`"*" is not possible in "${target}"; write {${wildcardName}}`);
  const parts: RewritePart[] = [];
  let at = 0;
  while (at < target.length) {
    const open = target.indexOf('{', at);
    if (open === -1) break;
    if (open > at) parts.push({ text: target.slice(at, open) });
    const close = target.indexOf('}', open);
    if (close === -1) throw new Error(`a "{" of "${target}" is not closed`);
    const capture = target.slice(open + 1, close);
    if (!names.includes(capture)) {
      const known = names.length === 0 ? 'none' : names.map((name) => `{${name}}`).join(', ');
      throw new Error(`"${target}" uses {${capture}}, which the path does not capture (it captures ${known})`);
    }
    parts.push({ capture });
    at = close + 1;
  }
  if (at < target.length) parts.push({ text: target.slice(at) });
  return parts;
}

function nextSpecial(pattern: string, from: number): number {
  for (let i = from; i < pattern.length; i++) {
    if (pattern[i] === '{' || pattern[i] === '*') return i;
  }
  return pattern.length;
}

/** Braces inside a capture are counted, because its expression may have some: `{id:[0-9]{3}}`. */
function closingBrace(pattern: string, open: number): number {
  let depth = 0;
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '{') depth++;
    else if (pattern[i] === '}' && --depth === 0) return i;
  }
  throw new Error(`a "{" of "${pattern}" is not closed`);
}

function isName(name: string): boolean {
  if (name === '') return false;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const letter = (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x5f;
    if (!letter && !(c >= 0x30 && c <= 0x39)) return false;
  }
  return true;
}
