// The rules of one owner that state the same hosts, indexed by path text: exact paths in a map, prefixes in a trie,
// expressions and pattern trees in another one, by the text that their matches are known to begin with. Each index
// gives candidates in order, so each is read only as far as it could still beat the best one; the costly ones last.

import type { OwnerContent } from '#proxy/contract/units.ts';
import type { CompiledHost } from './host.ts';
import { PrefixTrie, type TrieNode, insertByOrder, removeByOrder } from './prefix-trie.ts';
import type { CompiledPath, CompiledRule, PatternPath } from './rule.ts';
import type { PatternTree } from './pattern-tree.ts';
import type { Search } from './search.ts';

interface Candidate<T> {
  /** Rule before path: smaller is earlier. */
  readonly order: number;
  readonly rule: CompiledRule<T>;
  /** Null for the tree of a rule's patterns. */
  readonly path: CompiledPath<T> | null;
  readonly pattern: PatternPath<T> | null;
  readonly tree: PatternTree<PatternPath<T>> | null;
  /** The expression has to be tried. */
  readonly byRegexp: boolean;
}

/** More paths than any rule has. The last place of a rule is its pattern tree, which comes after its static paths. */
const ruleSpan = 2 ** 20;

export class RuleGroup<T> {
  readonly hosts: readonly CompiledHost[];
  private readonly radix: boolean;
  private readonly exact = new Map<string, Candidate<T>[]>();
  /** Prefixes, and under the empty one the paths that match everything. */
  private readonly prefixes = new PrefixTrie<Candidate<T>>();
  private readonly expressions = new PrefixTrie<Candidate<T>>();
  /** Rules that filter addresses, by index. */
  private readonly filtering = new Map<number, CompiledRule<T>>();
  private count = 0;

  constructor(hosts: readonly CompiledHost[], semantics: OwnerContent['semantics']) {
    this.hosts = hosts;
    this.radix = semantics === 'radix';
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  add(index: number, rule: CompiledRule<T>): void {
    this.count++;
    if (rule.ipFilter !== null) this.filtering.set(index, rule);
    if (this.radix) this.addPatterns(index, rule);
    else for (const path of rule.paths) this.addPath(index, rule, path);
  }

  remove(index: number, rule: CompiledRule<T>): void {
    this.count--;
    this.filtering.delete(index);
    if (this.radix) {
      const { statics, treePrefixes } = rule.patterns();
      for (const { text, path } of statics) this.removeExact(text, orderOf(index, path.path));
      for (const prefix of treePrefixes) this.expressions.remove(prefix, treeOrder(index));
      return;
    }
    for (const path of rule.paths) {
      const order = orderOf(index, path);
      if (path.exact !== '') this.removeExact(path.exact, order);
      if (path.prefix !== '' || isOpen(path)) this.prefixes.remove(path.prefix, order);
      if (path.regexp !== null) this.expressions.remove(path.regexpLiteral, order);
    }
  }

  /** Improves on the best candidate that `search` has. */
  search(search: Search<T>): void {
    const exact = this.exact.get(search.text);
    if (exact !== undefined) scan(exact, search);
    scanTrie(this.prefixes.root, search);
    scanTrie(this.expressions.root, search);
  }

  /** Nothing was found: rules count that deny the address, whether or not they have a path for the request. */
  noteDenials(search: Search<T>): void {
    for (const rule of this.filtering.values()) search.admits(rule);
  }

  private addPath(index: number, rule: CompiledRule<T>, path: CompiledPath<T>): void {
    const plain = { order: orderOf(index, path), rule, path, pattern: null, tree: null, byRegexp: false };
    if (path.exact !== '') this.addExact(path.exact, plain);
    if (path.prefix !== '' || isOpen(path)) this.prefixes.add(path.prefix, plain);
    if (path.regexp !== null) this.expressions.add(path.regexpLiteral, { ...plain, byRegexp: true });
  }

  private addPatterns(index: number, rule: CompiledRule<T>): void {
    const { statics, treePrefixes, tree } = rule.patterns();
    for (const { text, path: pattern } of statics) {
      const order = orderOf(index, pattern.path);
      this.addExact(text, { order, rule, path: pattern.path, pattern, tree: null, byRegexp: false });
    }
    for (const prefix of treePrefixes) {
      const order = treeOrder(index);
      this.expressions.add(prefix, { order, rule, path: null, pattern: null, tree, byRegexp: false });
    }
  }

  private addExact(text: string, candidate: Candidate<T>): void {
    const known = this.exact.get(text);
    if (known === undefined) this.exact.set(text, [candidate]);
    else insertByOrder(known, candidate);
  }

  private removeExact(text: string, order: number): void {
    const known = this.exact.get(text);
    if (known === undefined) return;
    removeByOrder(known, order);
    if (known.length === 0) this.exact.delete(text);
  }
}

/** Scans every key that the path begins with. */
function scanTrie<T>(root: TrieNode<Candidate<T>>, search: Search<T>): void {
  const { text } = search;
  let node = root;
  let at = 0;
  for (;;) {
    if (node.entries !== null) scan(node.entries, search);
    if (node.children === null || at >= text.length) return;
    const child = node.children.get(text.charCodeAt(at));
    if (child === undefined || !text.startsWith(child.label, at)) return;
    at += child.label.length;
    node = child;
  }
}

/** Takes the first candidate that passes, if it is earlier than the best one. */
function scan<T>(candidates: readonly Candidate<T>[], search: Search<T>): void {
  for (const candidate of candidates) {
    if (candidate.order >= search.best) return;
    const { path, rule } = candidate;
    if (path === null) {
      if (searchTree(candidate, search)) return;
      continue;
    }
    if (candidate.byRegexp && path.regexp?.test(search.text) !== true) continue;
    if (!search.admits(rule) || !search.accepts(path)) continue;
    search.best = candidate.order;
    search.rule = rule;
    search.path = path;
    search.pattern = candidate.pattern;
    return;
  }
}

function searchTree<T>(candidate: Candidate<T>, search: Search<T>): boolean {
  const { tree, rule } = candidate;
  if (tree === null || !search.admits(rule)) return false;
  const found = tree.find(search.text, search, search.captured);
  if (found === null) return false;
  search.best = candidate.order;
  search.rule = rule;
  search.path = found.path;
  search.pattern = found;
  return true;
}

function orderOf<T>(index: number, path: CompiledPath<T>): number {
  return index * ruleSpan + path.index;
}

function treeOrder(index: number): number {
  return index * ruleSpan + ruleSpan - 1;
}

/** Without a path field: matches every path. */
function isOpen<T>(path: CompiledPath<T>): boolean {
  return path.exact === '' && path.prefix === '' && path.regexp === null;
}
