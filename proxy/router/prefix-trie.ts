// A compressed trie from texts to lists of entries in order. A search walks the text once and finds every key that it
// begins with, so its cost depends on the text and not on how many keys there are. Changed in place.

import { type Listed, OrderedList, withValue, withoutValue } from './ordered-list.ts';

export interface Ordered {
  /** Smaller is earlier. */
  readonly order: number;
}

export class TrieNode<E extends Ordered> {
  label: string;
  /** null = no key ends here. */
  entries: Listed<E> | null = null;
  /** The only child, or null when there are none or several. */
  private sole: TrieNode<E> | null = null;
  /** By the first code unit of their label, when there are several. */
  private several: Map<number, TrieNode<E>> | null = null;

  constructor(label: string) {
    this.label = label;
  }

  /** The child whose label `text` has at `at`, or null. */
  next(text: string, at: number): TrieNode<E> | null {
    if (at >= text.length) return null;
    const child = this.sole ?? this.several?.get(text.charCodeAt(at));
    return child !== undefined && text.startsWith(child.label, at) ? child : null;
  }

  /** The child that begins with that code unit. */
  child(head: number): TrieNode<E> | null {
    if (this.sole !== null) return this.sole.label.charCodeAt(0) === head ? this.sole : null;
    return this.several?.get(head) ?? null;
  }

  /** Adds a child, or replaces the one that begins alike. */
  put(child: TrieNode<E>): void {
    const head = child.label.charCodeAt(0);
    const { sole } = this;
    if (this.several !== null) {
      this.several.set(head, child);
    } else if (sole === null || sole.label.charCodeAt(0) === head) {
      this.sole = child;
    } else {
      this.several = new Map([
        [sole.label.charCodeAt(0), sole],
        [head, child],
      ]);
      this.sole = null;
    }
  }

  drop(child: TrieNode<E>): void {
    if (this.sole === child) this.sole = null;
    if (this.several?.delete(child.label.charCodeAt(0)) !== true || this.several.size > 1) return;
    for (const left of this.several.values()) this.sole = left;
    this.several = null;
  }

  /** Its only child when there is exactly one. */
  get onlyChild(): TrieNode<E> | null {
    return this.sole;
  }

  get isLeaf(): boolean {
    return this.sole === null && this.several === null;
  }
}

/** A trie is its root, whose entries are those of the empty key. */
export function createTrie<E extends Ordered>(): TrieNode<E> {
  return new TrieNode('');
}

export function addToTrie<E extends Ordered>(root: TrieNode<E>, key: string, entry: E): void {
  let node = root;
  let at = 0;
  while (at < key.length) {
    const child = node.child(key.charCodeAt(at));
    if (child === null) {
      const leaf = new TrieNode<E>(key.slice(at));
      node.put(leaf);
      node = leaf;
      break;
    }
    const shared = sharedLength(child.label, key, at);
    node = shared === child.label.length ? child : split(node, child, shared);
    at += shared;
  }
  node.entries = withValue(node.entries, entry, byOrder);
}

/** Removes the entry of that order from that key. */
export function removeFromTrie<E extends Ordered>(root: TrieNode<E>, key: string, order: number): void {
  const path: TrieNode<E>[] = [root];
  let node = root;
  for (let at = 0; at < key.length; at += node.label.length) {
    const child = node.next(key, at);
    if (child === null) return;
    path.push(child);
    node = child;
  }
  const entry = node.entries === null ? undefined : entryOf(node.entries, order);
  if (node.entries === null || entry === undefined) return;
  node.entries = withoutValue(node.entries, entry);
  for (let i = path.length - 1; i > 0; i--) tidy(path[i - 1] as TrieNode<E>, path[i] as TrieNode<E>);
}

export function byOrder(a: Ordered, b: Ordered): number {
  return a.order - b.order;
}

/** The entry of that order in `list`. */
export function entryOf<E extends Ordered>(list: Listed<E>, order: number): E | undefined {
  if (list instanceof OrderedList) return list.values.find((entry) => entry.order === order);
  return list.order === order ? list : undefined;
}

/** Puts a node between `parent` and `child` for the first `length` characters of its label. */
function split<E extends Ordered>(parent: TrieNode<E>, child: TrieNode<E>, length: number): TrieNode<E> {
  const between = new TrieNode<E>(child.label.slice(0, length));
  parent.put(between);
  child.label = child.label.slice(length);
  between.put(child);
  return between;
}

/** Takes `node` out when nothing is left of it, and joins it with its only child when no key ends at it. */
function tidy<E extends Ordered>(parent: TrieNode<E>, node: TrieNode<E>): void {
  if (node.entries !== null) return;
  if (node.isLeaf) {
    parent.drop(node);
    return;
  }
  const only = node.onlyChild;
  if (only === null) return;
  only.label = node.label + only.label;
  parent.put(only);
}

function sharedLength(label: string, key: string, at: number): number {
  const most = Math.min(label.length, key.length - at);
  let n = 0;
  while (n < most && label.charCodeAt(n) === key.charCodeAt(at + n)) n++;
  return n;
}
