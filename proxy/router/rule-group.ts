// The rules of one owner that state the same hosts, indexed by path text: exact paths in a map, prefixes in a trie,
// expressions and pattern trees in another one, by the text that their matches are known to begin with. Each index
// gives candidates in order, so each is read only as far as it could still beat the best one; the costly ones last.

import type { OwnerContent } from '#proxy/contract/units.ts';
import type { CompiledHost } from './host.ts';
import { type Listed, OrderedList, addAt, removeAt } from './ordered-list.ts';
import { type TrieNode, addToTrie, byOrder, createTrie, entryOf, removeFromTrie } from './prefix-trie.ts';
import { type CompiledPath, type CompiledRule, type PatternPath, isPlain } from './rule.ts';
import type { PatternTree } from './pattern-tree.ts';
import type { Search } from './search.ts';

interface Candidate<T> {
  /** Rule before path: smaller is earlier. */
  readonly order: number;
  /** Whoever comes this far is taken: no condition and no filter. */
  readonly free: boolean;
  /** The path's expression has to be tried. */
  readonly byRegexp: boolean;
  readonly rule: CompiledRule<T>;
  /** Null for a tree of patterns. */
  readonly path: CompiledPath<T> | null;
  readonly pattern: PatternPath<T> | null;
  readonly tree: PatternTree<PatternPath<T>> | null;
  /** Where in the path the tree begins. */
  readonly treeAt: number;
}

/**
 * Order numbers of one rule: first its paths, then its trees, of which the longer static text comes first (at most
 * 100,000 and 4,096, see rule.ts). Small enough that those of 16,384 rules are kept unboxed by the engine.
 */
const ruleSpan = 2 ** 17;

export class RuleGroup<T> {
  readonly hosts: readonly CompiledHost[];
  readonly hostsKey: string;
  /** Its host when it has one exact host only. */
  readonly soleHost: string | null;
  readonly takesAny: boolean;
  private readonly radix: boolean;
  private exact: Map<string, Listed<Candidate<T>>> | null = null;
  /** Prefixes, and under the empty one the paths that match everything. */
  private prefixes: TrieNode<Candidate<T>> | null = null;
  private expressions: TrieNode<Candidate<T>> | null = null;
  /** Rules that filter addresses, by index. */
  private filtering: Map<number, CompiledRule<T>> | null = null;
  private count = 0;

  constructor(hosts: readonly CompiledHost[], hostsKey: string, semantics: OwnerContent['semantics']) {
    this.hosts = hosts;
    this.hostsKey = hostsKey;
    const [only] = hosts;
    this.soleHost = hosts.length === 1 && only?.kind === 'exact' ? only.value : null;
    this.takesAny = hosts.some((host) => host.kind === 'any');
    this.radix = semantics === 'radix';
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  add(index: number, rule: CompiledRule<T>): void {
    this.count++;
    if (rule.ipFilter !== null) (this.filtering ??= new Map()).set(index, rule);
    if (this.radix) this.addPatterns(index, rule);
    else for (const path of rule.paths) this.addPath(index, rule, path);
  }

  remove(index: number, rule: CompiledRule<T>): void {
    this.count--;
    this.filtering?.delete(index);
    if (this.radix) {
      const { statics, trees } = rule.patterns();
      for (const { text, path } of statics) this.removeExact(text, orderOf(index, path.path));
      for (const { prefix } of trees) drop(this.expressions, prefix, treeOrder(index, prefix));
      return;
    }
    for (const path of rule.paths) {
      const order = orderOf(index, path);
      if (path.exact !== '') this.removeExact(path.exact, order);
      if (path.prefix !== '' || isOpen(path)) drop(this.prefixes, path.prefix, order);
      if (path.regexp !== null) drop(this.expressions, path.regexpLiteral, order);
    }
  }

  /** Improves on the best candidate that `search` has. */
  search(search: Search<T>): void {
    if (this.exact !== null) {
      const exact = this.exact.get(search.text);
      if (exact !== undefined) scan(exact, search);
    }
    if (this.prefixes !== null) scanTrie(this.prefixes, search);
    if (this.expressions !== null) scanTrie(this.expressions, search);
  }

  /** Nothing was found: rules count that deny the address, whether or not they have a path for the request. */
  noteDenials(search: Search<T>): void {
    if (this.filtering === null) return;
    for (const rule of this.filtering.values()) search.admits(rule);
  }

  private addPath(index: number, rule: CompiledRule<T>, path: CompiledPath<T>): void {
    const candidate = candidateOf(index, rule, path, null);
    if (path.exact !== '') this.addExact(path.exact, candidate);
    if (path.prefix !== '' || isOpen(path)) addToTrie((this.prefixes ??= createTrie()), path.prefix, candidate);
    if (path.regexp !== null) {
      addToTrie((this.expressions ??= createTrie()), path.regexpLiteral, { ...candidate, byRegexp: true });
    }
  }

  private addPatterns(index: number, rule: CompiledRule<T>): void {
    const { statics, trees } = rule.patterns();
    for (const { text, path: pattern } of statics) {
      this.addExact(text, candidateOf(index, rule, pattern.path, pattern));
    }
    for (const { prefix, tree } of trees) {
      addToTrie((this.expressions ??= createTrie()), prefix, {
        order: treeOrder(index, prefix),
        free: false,
        byRegexp: false,
        rule,
        path: null,
        pattern: null,
        tree,
        treeAt: prefix.length,
      });
    }
  }

  private addExact(text: string, candidate: Candidate<T>): void {
    addAt((this.exact ??= new Map()), text, candidate, byOrder);
  }

  private removeExact(text: string, order: number): void {
    const list = this.exact?.get(text);
    const candidate = list === undefined ? undefined : entryOf(list, order);
    if (this.exact !== null && candidate !== undefined) removeAt(this.exact, text, candidate);
  }
}

/** Scans every key that the path begins with. */
function scanTrie<T>(root: TrieNode<Candidate<T>>, search: Search<T>): void {
  const { text } = search;
  let at = 0;
  for (let node: TrieNode<Candidate<T>> | null = root; node !== null; node = node.next(text, at)) {
    at += node.label.length;
    if (node.entries !== null) scan(node.entries, search);
  }
}

/** Takes the first candidate that passes, if it is earlier than the best one. */
function scan<T>(candidates: Listed<Candidate<T>>, search: Search<T>): void {
  if (!(candidates instanceof OrderedList)) {
    tryCandidate(candidates, search);
    return;
  }
  for (const candidate of candidates.values) {
    if (tryCandidate(candidate, search)) return;
  }
}

/** True when nothing behind it can be better. */
function tryCandidate<T>(candidate: Candidate<T>, search: Search<T>): boolean {
  if (candidate.order >= search.best) return true;
  const { path, rule, tree } = candidate;
  if (path === null) {
    if (tree === null || !search.admits(rule)) return false;
    const found = tree.find(search.text, candidate.treeAt, search);
    if (found === null) return false;
    search.take(candidate.order, rule, found.path, found);
    search.values = tree.captured();
    return true;
  }
  if (candidate.byRegexp && path.regexp?.test(search.text) !== true) return false;
  if (!candidate.free && (!search.admits(rule) || !search.accepts(path))) return false;
  search.take(candidate.order, rule, path, candidate.pattern);
  return true;
}

function candidateOf<T>(
  index: number,
  rule: CompiledRule<T>,
  path: CompiledPath<T>,
  pattern: PatternPath<T> | null,
): Candidate<T> {
  const free = rule.ipFilter === null && isPlain(path);
  return { order: orderOf(index, path), free, byRegexp: false, rule, path, pattern, tree: null, treeAt: 0 };
}

function drop<T>(root: TrieNode<Candidate<T>> | null, key: string, order: number): void {
  if (root !== null) removeFromTrie(root, key, order);
}

function orderOf<T>(index: number, path: CompiledPath<T>): number {
  return index * ruleSpan + path.index;
}

function treeOrder(index: number, prefix: string): number {
  return (index + 1) * ruleSpan - 1 - prefix.length;
}

/** Without a path field: matches every path. */
function isOpen<T>(path: CompiledPath<T>): boolean {
  return path.exact === '' && path.prefix === '' && path.regexp === null;
}
